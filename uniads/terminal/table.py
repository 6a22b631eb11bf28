"""Fronts and outcomes as tables."""

import csv
from collections.abc import Callable, Sequence
from math import isnan, nan
from pathlib import Path

from rich.table import Table

from uniads.outcome import Outcome
from uniads.search import Result, Trial
from uniads.terminal.text import clean_text, disarm_formula
from uniads.terminal.trial import list_marks, read_number

NUMBERS = ("val_loss", "val_acc1", "params")
"""What a training measures and a table of trials shows."""
UNITS = {"val_loss": "val_loss (nats)"}
"""Headings of numbers that have a unit."""


def flatten_trials(trials: Sequence[Trial], numbers: Sequence[str] = NUMBERS) -> list[dict[str, str | int | float]]:
    """One flat row a trial: its name, its numbers, what it cost, and the overrides that make it again.

    Args:
        trials: of a search.
        numbers: names in the outcomes; NaN stands where a trial lacks one.
    """
    return [
        {
            "candidate": trial.candidate,
            **{name: nan if (number := read_number(trial, name)) is None else number for name in numbers},
            "epochs": trial.epochs,
            "seconds": round(trial.seconds, 2),
            "overrides": " ".join(trial.overrides),
        }
        for trial in trials
    ]


def write_csv(
    trials: Sequence[Trial],
    file: Path,
    numbers: Sequence[str] = NUMBERS,
    command: Callable[[Trial], str] | None = None,
) -> None:
    """Write trials as a CSV file.

    Args:
        trials: of a search.
        file: replaced if it exists.
        numbers: names in the outcomes, one column each.
        command: the command that trains a trial again, for a last column; None for no such column.
    """
    rows = flatten_trials(trials, numbers)
    if command:
        rows = [{**row, "command": command(trial)} for row, trial in zip(rows, trials, strict=True)]
    last = ["command"] if command else []
    cells = [{key: _write_cell(value) for key, value in row.items()} for row in rows]
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["candidate", *numbers, "epochs", "seconds", "overrides", *last])
        writer.writeheader()
        writer.writerows(cells)


def list_numbers(result: Result) -> list[str]:
    """Names of the numbers of a training, and of what was minimised, that any trial has."""
    names = dict.fromkeys([*NUMBERS, *(measure.name for measure in result.measures)])
    rows = flatten_trials(result.trials, list(names))
    return [name for name in names if not all(isnan(float(row[name])) for row in rows)]


def _write_cell(value: str | int | float) -> str | int | float:
    if isinstance(value, str):
        return disarm_formula(clean_text(value))
    return "" if isnan(value) else value


def build_front_table(result: Result) -> Table:
    """The Pareto front for a terminal; the best candidate, the knee and what a surrogate made up are marked."""
    table = Table(title="Pareto front (validation)", title_justify="left")
    numbers = list_numbers(result)
    for name in ("", "candidate", *(UNITS.get(name, name) for name in numbers)):
        table.add_column(name, justify="right")
    for trial in result.front:
        cells = (_format_number(read_number(trial, name)) for name in numbers)
        table.add_row(list_marks(result, trial), trial.candidate, *cells)
    return table


def explain_marks(result: Result, with_knee: bool = True) -> str:
    """What ``best`` means in this search's table, and ``knee``."""
    targets = [f"{measure.name} {measure.target:,.0f}" for measure in result.measures if measure.target is not None]
    within = f" within the target of {' and '.join(targets)}, or else nearest to it" if targets else ""
    knee = (
        "; knee: nearest to the ideal point, each measure scaled to 0 to 1 on the front"
        if result.measures[1:] and with_knee
        else ""
    )
    return f"best: the lowest {result.measures[0].name}{within}{knee}"


def _format_number(number: float | None) -> str:
    """Whole numbers with commas, others with four decimals, and nothing for a number that was not measured."""
    if number is None or isnan(number):
        return ""
    return f"{number:,.0f}" if number == int(number) and abs(number) > 1 else f"{number:.4f}"


def build_outcome_table(outcome: Outcome) -> Table:
    """What a training measured, for a terminal: after its last and its best epoch."""
    table = Table(title="Outcome", title_justify="left", show_header=False)
    shown: dict[str, str | None] = {
        "student parameters": f"{outcome.params:,}",
        "teacher, validation accuracy": _format_percent(outcome.teacher_val_acc1),
        "last epoch, validation loss (nats)": None if outcome.val_loss is None else f"{outcome.val_loss:.6f}",
        "last epoch, validation accuracy": _format_percent(outcome.val_acc1),
        f"best epoch ({outcome.best_epoch}), validation accuracy": _format_percent(outcome.best_val_acc1),
        "last epoch, test accuracy": _format_percent(outcome.test_acc1_last),
        f"best validation epoch ({outcome.best_epoch}), test accuracy": _format_percent(outcome.test_acc1_best),
        "epochs": f"{outcome.epochs:g}",
        "seconds": f"{outcome.seconds:.1f}",
    }
    for name, value in shown.items():
        if value is not None:
            table.add_row(name, value)
    return table


def _format_percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.2%}"
