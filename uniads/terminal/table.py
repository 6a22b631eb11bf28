"""Fronts and outcomes as tables."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from uniads.outcome import Outcome
from uniads.search import Result, Trial

COLUMNS = ("candidate", "val_loss", "val_acc1", "params", "epochs", "seconds", "overrides")


def rows(trials: Sequence[Trial]) -> list[dict[str, str | int | float]]:
    """One flat row a trial: what it is, what came out, and how to make it again."""
    return [
        {
            "candidate": trial.candidate,
            **{name: trial.outcome.get(name, float("nan")) for name in ("val_loss", "val_acc1", "params")},
            "epochs": trial.epochs,
            "seconds": round(trial.seconds, 2),
            "overrides": " ".join(trial.overrides),
        }
        for trial in trials
    ]


def write_csv(trials: Sequence[Trial], file: Path) -> None:
    """Trials as a CSV file."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows(trials))


def front_table(result: Result) -> Table:
    """The Pareto front for a terminal; the best candidate and the knee are marked."""
    table = Table(title="Pareto front (validation)", title_justify="left")
    for name in ("", "candidate", "val_loss (nats)", "val_acc1", "params"):
        table.add_column(name, justify="right")
    for row in rows(result.front):
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


def outcome_table(outcome: Outcome) -> Table:
    """What a training measured, for a terminal. Last and best epoch are both named."""
    table = Table(title="Outcome", title_justify="left", show_header=False)
    shown: dict[str, str | None] = {
        "student parameters": f"{outcome.params:,}",
        "teacher, validation accuracy": _percent(outcome.teacher_val_acc1),
        "last epoch, validation loss (nats)": None if outcome.val_loss is None else f"{outcome.val_loss:.6f}",
        "last epoch, validation accuracy": _percent(outcome.val_acc1),
        f"best epoch ({outcome.best_epoch}), validation accuracy": _percent(outcome.best_val_acc1),
        "last epoch, test accuracy": _percent(outcome.test_acc1_last),
        f"best validation epoch ({outcome.best_epoch}), test accuracy": _percent(outcome.test_acc1_best),
        "epochs": f"{outcome.epochs:g}",
        "seconds": f"{outcome.seconds:.1f}",
    }
    for name, value in shown.items():
        if value is not None:
            table.add_row(name, value)
    return table


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.2%}"
