"""One search, from its settings to the last line that is printed."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import partial
from shutil import rmtree

import torch
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from rich.console import Console

from uniads.bridge.candidate_loss import describe_candidate_loss
from uniads.bridge.reproduce import build_command, build_resuming_command, find_config_dir
from uniads.bridge.search_settings import SearchSettings
from uniads.command.search_plan import plan_search
from uniads.command.search_setup import Setup, build_objective, build_setup, open_ledger
from uniads.command.search_summary import note_summary
from uniads.command.train import train
from uniads.data.base import Data
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
from uniads.terminal.chance import describe_chance, is_at_chance
from uniads.terminal.opening import describe_answers, describe_data, describe_teacher
from uniads.terminal.progress import ProgressWatcher
from uniads.terminal.teaching import TeacherProgress


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
        _print(console, [f"to go on: {_resuming_command(settings)}"])
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


def _resuming_command(settings: SearchSettings) -> str:
    return build_resuming_command(sys.argv[1:], settings.directory.resolve())


def introduce(setup: Setup, console: Console) -> None:
    """Print what will be done, and what it will take."""
    settings, training = setup.settings, setup.settings.training
    if training.threads is not None:
        torch.set_num_threads(training.threads)
    budget, schedule = settings.candidates, settings.schedule
    genes = len(setup.space.dimensions)
    lines = [
        *describe_data(setup.data, training.recipe.batch_size),
        f"pair     {training.pair}: the target is {setup.target:,} parameters, those of the pair's own student",
        f"space    {settings.space.name}: {genes} genes, {setup.space.size:.3g} combinations",
        f"budget   {budget} candidates, {_describe_rungs(settings)}, at most {schedule.cost(budget):,} epochs in all",
        *setup.warm_start.lines(setup.space),
        describe_logging(training.logger),
    ]
    if not settings.plan:
        lines.append(f"stop it at any time; to go on: {_resuming_command(settings)}")
    _print(console, lines)
    if settings.ledger is not None:
        _print(console, [f"replay   {settings.ledger} answers, and a surrogate where it can't; nothing is trained"])
    else:
        _print(console, plan_search(setup))


def _describe_rungs(settings: SearchSettings) -> str:
    rungs, configured = (
        [rung.epochs for rung in schedule.rungs] for schedule in (settings.schedule, settings.configured_schedule)
    )
    lowered = f" (lowered from {configured} to the recipe's epochs)" if rungs != configured else ""
    return f"rungs at {rungs} epochs{lowered}"


def get_teacher(setup: Setup, console: Console) -> None:
    """Load the teacher, or train it on first use, print who it is, and note it. A replay needs none."""
    training = setup.settings.training
    teacher = None
    if setup.settings.ledger is None:
        found = find_teacher(training, setup.data, TeacherProgress(console))
        teacher = with_accuracy(found, training, setup.data)
        lines = describe_teacher(teacher, setup.data, training.teacher)
        _print(console, [*lines, *describe_answers(training)])
    note_summary(setup, teacher)


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


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
    overrides = [*best.overrides, f"seed={best.seed}", "data.holdout=false", "test=true"]
    training = setup.training_settings(overrides, directory)
    directory.mkdir(parents=True, exist_ok=True)
    title = f"final training of {best.candidate}: {training.schedule_epochs} epochs on the whole training set"
    console.rule(title, align="left")
    return train(training, console)


def report(setup: Setup, result: Result, console: Console) -> None:
    """The front as a table, a picture and a file, and the best candidate's command."""
    settings, directory = setup.settings, setup.settings.directory
    completed = [trial for rung in range(result.top + 1) for trial in result.at(rung)]
    config_dir = find_config_dir(directory)

    def command(trial: Trial) -> str:
        return build_command(setup.launch.command(trial), config_dir)

    numbers = table.list_numbers(result)
    table.write_csv(completed, directory / "trials.csv", numbers, command)
    table.write_csv(result.front, directory / "front.csv", numbers, command)
    if completed and len(result.measures) > 1:
        title = f"{settings.training.pair} on {settings.data}"
        figure.save_figure(draw_pareto_figure(result, title), directory, "pareto")
    _print(console, [f"stopped: {result.stopped}"])
    console.print(table.build_front_table(result))
    if result.best:
        _print(console, [table.explain_marks(result), *_describe_chance(result.best, setup.data)])
    _print(console, fidelity.report(settings.schedule, result.trials))
    if result.best:
        promise = "again, to the same validation loss"
        if settings.ledger is not None:
            predicted = "surrogate" in result.best.outcome
            promise = (
                "in truth: a surrogate made its numbers up" if predicted else "in truth: its numbers were replayed"
            )
        again = f"train {result.best.candidate} {promise}:"
        _print(console, [again, command(result.best)])
        (directory / "best.sh").write_text(command(result.best) + "\n")
    if settings.report and result.trials:
        page = write_report(directory, partial(describe_candidate_loss, setup.launch.loader, trusted=True))
        _print(console, [f"the whole report: {page}"])
        studies = directory / "optuna.db"
        studies.unlink(missing_ok=True)
        account = Account.of(directory / "ledger.jsonl")
        optuna.export_studies(account, f"sqlite:///{studies}", directory.name)


def _describe_chance(best: Trial, data: Data) -> list[str]:
    """A warning where even the best candidate guesses."""
    acc1, count = best.outcome.get("val_acc1"), len(data.val(1).index)
    guesses = acc1 is not None and is_at_chance(acc1, data.num_classes, count)
    return [f"warning: {describe_chance('even the best candidate', data.num_classes)}"] if guesses else []


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
        _print(console, [describe_cost(result, full, final.epochs if final else 0)])
    files = [name for name in ("ledger.jsonl", "front.csv", "pareto.png", "pareto.svg") if (directory / name).exists()]
    _print(console, [f"{', '.join(files[:-1])} and {files[-1]}: {directory}"])
