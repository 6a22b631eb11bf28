"""One search, from its settings to the last line that is printed."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from shutil import rmtree

import torch
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from rich.console import Console

from uniads.bridge.candidate_loss import describe_candidate_loss
from uniads.bridge.launch import quote
from uniads.bridge.reproduce import build_command
from uniads.bridge.search_settings import SearchSettings
from uniads.bridge.training_settings import training_settings
from uniads.command.search_setup import Setup, build_objective, build_setup, open_ledger
from uniads.command.train import train
from uniads.error import UserError
from uniads.export import optuna
from uniads.logger.wandb import SearchRun, describe_logging, search_run
from uniads.outcome import Outcome
from uniads.report.element import figure
from uniads.report.search.cost import Amount, Cost, build_cost_table, describe_cost
from uniads.report.search.page import write_report
from uniads.report.search.pareto import draw_pareto_figure
from uniads.search import INTERRUPTED, Ledger, Result, Trial, Watcher, fidelity, search
from uniads.search.account import Account
from uniads.teacher.assistants import find_teacher
from uniads.teacher.training import with_accuracy
from uniads.terminal import table
from uniads.terminal.opening import describe_answers, describe_data, describe_teacher
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
        _run(setup, console)
    except KeyboardInterrupt:
        _print_how_to_go_on(settings, console)
        raise


def _run(setup: Setup, console: Console) -> None:
    settings = setup.settings
    with closing(setup.launch), closing(open_ledger(setup)) as ledger:
        introduce(setup, console)
        with search_run(settings.directory, settings.training.pair, settings.config) as wandb_run:
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
    _print_how_to_go_on(settings, console)


def _print_how_to_go_on(settings: SearchSettings, console: Console) -> None:
    line = f"go on after an interruption with the same command and hydra.run.dir={settings.directory}"
    console.print(line, highlight=False, soft_wrap=True)


def introduce(setup: Setup, console: Console) -> None:
    """Get the teacher, training it on first use, and print what will be done."""
    settings, training = setup.settings, setup.settings.training
    if training.threads is not None:
        torch.set_num_threads(training.threads)
    for line in describe_data(setup.data, training.recipe.batch_size):
        console.print(line, highlight=False, soft_wrap=True)
    budget, schedule = settings.candidates, settings.schedule
    rungs = [rung.epochs for rung in schedule.rungs]
    genes = len(setup.space.dimensions)
    lines = [
        *_describe_source(setup, console),
        f"pair     {training.pair}: the target is {setup.target:,} parameters, those of the pair's own student",
        f"space    {settings.space.name}: {genes} genes, {setup.space.size:.3g} combinations",
        f"budget   {budget} candidates, rungs at {rungs} epochs, at most {schedule.cost(budget):,} epochs in all",
        *setup.warm_start.lines(setup.space),
        describe_logging(),
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _describe_source(setup: Setup, console: Console) -> list[str]:
    """Lines on the teacher, after it was trained or loaded; or on the ledger that is replayed."""
    training, ledger = setup.settings.training, setup.settings.ledger
    if ledger is not None:
        return [f"replay   {ledger} answers, and a surrogate where it can't; nothing is trained"]
    with console.status("teacher: loading, or training it on first use"):
        teacher = with_accuracy(find_teacher(training, setup.data), training, setup.data)
    return [*describe_teacher(teacher, setup.data, training.teacher.recipe.epochs), *describe_answers(training)]


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
    progress = ProgressWatcher(console, settings.schedule, settings.candidates, setup.launch.directory)
    with progress.live():
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
            rejection=settings.rejection,
            shrinkage=settings.shrinkage,
            ledger=ledger,
            seed=settings.seed,
            watcher=_Watchers(progress, wandb_run),
        )


def train_best(setup: Setup, best: Trial, console: Console) -> Outcome:
    """Train the chosen candidate with the full recipe on the whole training set, and test it."""
    directory = setup.settings.directory / "final"
    overrides = [
        *setup.launch.overrides, *best.overrides, f"seed={best.seed}", "data.holdout=false", "test=true",
        f"paths.run_dir={quote(directory)}",
    ]  # fmt: skip
    training = training_settings(setup.launch.loader.load_configuration("train", overrides, RunMode.RUN))
    directory.mkdir(parents=True, exist_ok=True)
    title = f"final training of {best.candidate}: {training.schedule_epochs} epochs on the whole training set"
    console.rule(title, align="left")
    return train(training, console)


def report(setup: Setup, result: Result, console: Console) -> None:
    """The front as a table, a picture and a file, and the best candidate's command."""
    settings, directory = setup.settings, setup.settings.directory
    completed = [trial for rung in range(result.top + 1) for trial in result.at(rung)]
    table.write_csv(completed, directory / "trials.csv")
    table.write_csv(result.front, directory / "front.csv")
    if completed and len(result.measures) > 1:
        title = f"{settings.training.pair} on {settings.data}"
        figure.save_figure(draw_pareto_figure(result, title), directory, "pareto")
    console.print(f"stopped: {result.stopped}", highlight=False)
    console.print(table.build_front_table(result))
    for line in fidelity.report(settings.schedule, result.trials):
        console.print(line, highlight=False, soft_wrap=True)
    if result.best:
        command = build_command(setup.launch.command(result.best))
        console.print(f"train {result.best.candidate} again, to the same validation loss:", highlight=False)
        console.print(command, highlight=False, soft_wrap=True, markup=False)
        (directory / "best.sh").write_text(command + "\n")
    if settings.report and result.trials:
        page = write_report(directory, partial(describe_candidate_loss, setup.launch.loader, trusted=True))
        console.print(f"the whole report: {page}", highlight=False, soft_wrap=True)
        studies = directory / "optuna.db"
        studies.unlink(missing_ok=True)
        account = Account.of(directory / "ledger.jsonl")
        optuna.export_studies(account, f"sqlite:///{studies}", directory.name)


def conclude(setup: Setup, result: Result, final: Outcome | None, console: Console) -> None:
    """What it cost, and where everything is. When the store of teacher outputs has done its work, it goes."""
    settings, directory = setup.settings, setup.settings.directory
    if result.stopped != INTERRUPTED:
        rmtree(setup.launch.store, ignore_errors=True)
    if settings.report and final:
        # again, with the cost of the final training
        write_report(directory, partial(describe_candidate_loss, setup.launch.loader, trusted=True))
    full = settings.training.schedule_epochs
    trained = Amount(final.epochs, final.epochs * final.epoch_flops) if final else None
    if result.epochs_spent:
        console.print(build_cost_table(Cost.of(result, settings.schedule.rungs[-1].epochs, full, trained)))
        console.print(describe_cost(result, full, final.epochs if final else 0), highlight=False, soft_wrap=True)
    files = f"ledger.jsonl, front.csv, pareto.png and pareto.svg: {directory}"
    console.print(files, highlight=False, soft_wrap=True)
