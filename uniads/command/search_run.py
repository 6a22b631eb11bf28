"""One search, from its settings to the last line that is printed."""

from collections.abc import Sequence
from contextlib import closing

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from rich.console import Console

from uniads.bridge.search_settings import SearchSettings
from uniads.command.search_final import train_best
from uniads.command.search_opening import build_resuming_line, get_teacher, introduce
from uniads.command.search_report import conclude, report
from uniads.command.search_setup import Setup, build_objective, build_setup, open_ledger
from uniads.error import UserError
from uniads.logger.wandb import SearchRun, search_run
from uniads.notice import listening
from uniads.search import INTERRUPTED, Ledger, Result, Trial, Watcher, search
from uniads.terminal.console import print_lines
from uniads.terminal.progress import ProgressWatcher


def run(settings: SearchSettings, loader: ConfigLoader, console: Console) -> None:
    """Search, report, train the best candidate in full, and say what it cost.

    Args:
        settings: of the search.
        loader: composes the jobs.
        console: where to print.

    Raises:
        UserError: it can't be searched like that, or no candidate came to an end.
        KeyboardInterrupt: on Ctrl-C, after what was found has been reported.
    """
    setup = build_setup(settings, loader)
    try:
        with closing(setup.launch):
            if settings.plan:
                introduce(setup, console)
            else:
                _run(setup, console)
    except KeyboardInterrupt:
        print_lines(console, [build_resuming_line(settings)])
        raise


def _run(setup: Setup, console: Console) -> None:
    settings = setup.settings
    with closing(open_ledger(setup)) as ledger:
        introduce(setup, console)
        get_teacher(setup, console)
        training, choices = settings.training, HydraConfig.get().runtime.choices
        name = (training.pair, str(choices["search"]), settings.seed)
        with search_run(settings.directory, *name, settings.config, training.logger) as wandb_run:
            result = run_search(setup, ledger, wandb_run, console)
            wandb_run.conclude(result)
    report(setup, result, console)
    interrupted = result.stopped == INTERRUPTED
    if result.best is None and not interrupted:
        ledger_file = settings.directory / "ledger.jsonl"
        raise UserError(f"no candidate reached the top rung ({result.stopped}); see {ledger_file}")
    best = result.best if settings.final and not interrupted else None
    final = train_best(setup, best, console) if best else None
    conclude(setup, result, final, console)
    if interrupted:
        raise KeyboardInterrupt


class _Watchers(Watcher):
    """Several watchers as one."""

    def __init__(self, *watchers: Watcher) -> None:
        self.watchers = watchers

    def start(self, generation: int, rung: int, trials: Sequence[Trial]) -> None:
        for watcher in self.watchers:
            watcher.start(generation, rung, trials)

    def finish(self, generation: int, rung: int, trials: Sequence[Trial], result: Result) -> None:
        for watcher in self.watchers:
            watcher.finish(generation, rung, trials, result)


def run_search(setup: Setup, ledger: Ledger, wandb_run: SearchRun, console: Console) -> Result:
    """Search with the ledger in the run directory; what it holds already is not trained again."""
    settings = setup.settings
    progress = ProgressWatcher(console, settings.schedule, settings.cost, setup.launch.directory)
    with listening(lambda text: print_lines(console, [text])), progress.live():
        return search(
            setup.space,
            build_objective(setup),
            setup.algorithm,
            settings.schedule,
            measures=setup.measures,
            candidates=settings.candidates,
            max_epochs=settings.max_epochs,
            max_seconds=settings.max_seconds,
            max_failures=settings.max_failures,
            confirm=settings.confirm,
            rejection=settings.rejection,
            shrinkage=settings.shrinkage,
            ledger=ledger,
            seed=settings.seed,
            watcher=_Watchers(progress, wandb_run),
        )
