"""Fronts and outcomes as tables."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from uniads.outcome import Outcome
from uniads.search import Result, Trial

NUMBERS = ("val_loss", "val_acc1", "params")
"""What a training measures and a table of trials shows."""
COLUMNS = ("candidate", *NUMBERS, "epochs", "seconds", "overrides")
"""Of a flat trial."""


def flatten_trials(trials: Sequence[Trial], numbers: Sequence[str] = NUMBERS) -> list[dict[str, str | int | float]]:
    """One flat row a trial: its name, its numbers, what it cost, and the overrides that make it again.

    Args:
        trials: of a search.
        numbers: names in the outcomes; NaN stands where a trial lacks one.
    """
    return [
        {
            "candidate": trial.candidate,
            **{name: trial.outcome.get(name, float("nan")) for name in numbers},
            "epochs": trial.epochs,
            "seconds": round(trial.seconds, 2),
            "overrides": " ".join(trial.overrides),
        }
        for trial in trials
    ]


def write_csv(trials: Sequence[Trial], file: Path, numbers: Sequence[str] = NUMBERS) -> None:
    """Write trials as a CSV file, with these numbers of their outcomes."""
    rows = flatten_trials(trials, numbers)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["candidate", *numbers, "epochs", "seconds", "overrides"])
        writer.writeheader()
        writer.writerows(rows)


def build_front_table(result: Result) -> Table:
    """The Pareto front for a terminal; the best candidate and the knee are marked."""
    table = Table(title="Pareto front (validation)", title_justify="left")
    for name in ("", "candidate", "val_loss (nats)", "val_acc1", "params"):
        table.add_column(name, justify="right")
    for row in flatten_trials(result.front):
        marks = [
            name for name, trial in (("best", result.best), ("knee", result.knee))
            if trial and trial.candidate == row["candidate"]
        ]  # fmt: skip
        table.add_row(
            " ".join(marks),
            str(row["candidate"]),
            f"{row['val_loss']:.4f}",
            f"{row['val_acc1']:.4f}",
            f"{row['params']:,.0f}",
        )
    return table


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
