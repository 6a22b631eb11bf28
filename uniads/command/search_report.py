"""What a search leaves and prints when its trials are done: front, report, cost."""

from functools import partial
from pathlib import Path
from shutil import rmtree

from rich.console import Console

from uniads.bridge.candidate_loss import describe_candidate_loss
from uniads.bridge.reproduce import build_command, find_config_dir
from uniads.bridge.search_settings import SearchSettings
from uniads.command.search_setup import Setup
from uniads.export import optuna
from uniads.outcome import Outcome
from uniads.report.element import figure
from uniads.report.search.baseline import describe_weak_teacher
from uniads.report.search.cost import Amount, Cost, build_cost_table, describe_cost
from uniads.report.search.page import write_report
from uniads.report.search.pareto import draw_pareto_figure
from uniads.report.search.summary import Summary
from uniads.search import INTERRUPTED, Result, Trial, fidelity
from uniads.search.account import Account
from uniads.search.confirm import describe_repeats
from uniads.terminal import table
from uniads.terminal.chance import warn_of_chance
from uniads.terminal.console import print_lines
from uniads.terminal.trial import is_predicted


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
    print_lines(console, [f"stopped: {result.stopped}"])
    console.print(table.build_front_table(result))
    if result.best:
        acc1, images = result.best.outcome.get("val_acc1"), len(setup.data.val(1).index)
        warning = warn_of_chance("even the best candidate", acc1, setup.data.num_classes, images)
        sentences = describe_repeats(result.trials, result.measures[0].name)
        again = [f"{'' if place else 'again':9}{sentence}" for place, sentence in enumerate(sentences)]
        print_lines(console, [table.explain_marks(result), *again, *warning])
    if result.trials and (weak := _describe_weak_teacher(directory)):
        print_lines(console, [f"warning: {weak}"])
    print_lines(console, fidelity.report(settings.schedule, result.trials))
    if result.best:
        promise = _describe_promise(settings, result)
        print_lines(console, [f"train {result.best.candidate} {promise}:", command(result.best)])
        (directory / "best.sh").write_text(command(result.best) + "\n")
    if settings.report and result.trials:
        page = write_report(directory, partial(describe_candidate_loss, setup.launch.loader, trusted=True))
        print_lines(console, [f"the whole report: {page}"])
        studies = directory / "optuna.db"
        studies.unlink(missing_ok=True)
        account = Account.of(directory / "ledger.jsonl")
        optuna.export_studies(account, f"sqlite:///{studies}", directory.name)


def _describe_weak_teacher(directory: Path) -> str:
    account = Account.of(directory / "ledger.jsonl")
    return describe_weak_teacher(account, Summary.read(directory).teacher_val_acc1)


def _describe_promise(settings: SearchSettings, result: Result) -> str:
    """What the best candidate's command gives, beside the numbers that the search has."""
    best = result.best
    assert best is not None
    if settings.ledger is None:
        first = next(trial for trial in result.trials if trial.slot == best.slot)
        same = first.values == best.values
        return "again, to the same validation loss" if same else f"again, to its first loss, {first.values[0]:.4f}"
    return f"in truth: {'a surrogate made its numbers up' if is_predicted(best) else 'its numbers were replayed'}"


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
        print_lines(console, [describe_cost(result, full, final.epochs if final else 0)])
    files = [name for name in ("ledger.jsonl", "front.csv", "pareto.png", "pareto.svg") if (directory / name).exists()]
    print_lines(console, [f"{', '.join(files[:-1])} and {files[-1]}: {directory}"])
