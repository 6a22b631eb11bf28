"""A search and sweeps compared after equal numbers of epochs."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

from uniads.error import UserError
from uniads.report.element.sheet import Cell, Sheet
from uniads.search.account import Account
from uniads.search.objective import Measure
from uniads.search.pareto import hypervolume
from uniads.search.trial import Status

NEEDED_COLUMNS = ("epochs", "params", "val/loss")
"""Of a sweep's results."""
BUDGET_SHARES = (0.25, 0.5, 1.0)
"""Budgets, as shares of the epochs of the source that trained the fewest."""


@dataclass(frozen=True)
class SourceTraining:
    """One training of a search or a sweep.

    Attributes:
        epochs: what it cost.
        outcome: its numbers; None when it did not reach the length at which all are compared.
    """

    epochs: float
    outcome: Mapping[str, float] | None


def read_search_trainings(account: Account) -> list[SourceTraining]:
    """The trials of a search; only those of the top rung are compared."""
    return [
        SourceTraining(
            t.epochs_spent, t.outcome if t.rung == account.result.top and t.status is Status.COMPLETED else None
        )
        for t in account.result.trials
    ]


def read_sweep_trainings(path: Path, length: int) -> list[SourceTraining]:
    """The runs of a sweep, from a CSV or JSONL file or a folder of such: one row a run, or one an epoch and run.

    Args:
        path: rows with ``epochs``, ``params`` and ``val/loss``; rows with the same ``run`` belong together.
        length: epochs at which runs are compared; one that ended earlier cost its epochs and has no outcome.

    Raises:
        UserError: there is no such file, or a row lacks a column.
    """
    files = sorted(file for file in path.iterdir() if file.suffix in (".csv", ".jsonl")) if path.is_dir() else [path]
    if not files or not all(file.exists() for file in files):
        raise UserError(f"no results of a sweep at {path}; give a CSV or JSONL file, or a folder of such files")
    runs: dict[str, list[dict[str, float]]] = {}
    for file in files:
        for number, row in enumerate(_read_rows(file), start=1):
            numbers = _read_numbers(row)
            for column in NEEDED_COLUMNS:
                if not isfinite(numbers.get(column.replace("/", "_"), nan)):
                    raise UserError(
                        f"{file}, row {number} has no {column!r} that is a number, got {str(row.get(column))[:80]!r}; "
                        f"it needs {', '.join(NEEDED_COLUMNS)}"
                    )
            name = f"{file}: {row.get('run', number)}"
            runs.setdefault(name, []).append(numbers)
    return [_build_training(rows, length) for rows in runs.values()]


def _read_rows(file: Path) -> Iterable[Mapping[str, object]]:
    """The rows of a file.

    Raises:
        UserError: it is no CSV or JSONL file.
    """
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            if file.suffix == ".csv":
                yield from csv.DictReader(stream)
                return
            for line in stream:
                row = json.loads(line) if line.strip() else None
                if row is not None and not isinstance(row, dict):
                    raise ValueError("a line is no JSON object")
                if row is not None:
                    yield row
    except (csv.Error, ValueError, RecursionError) as error:
        kind = "CSV" if file.suffix == ".csv" else "JSONL"
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{file} is no {kind} file ({reason}); export the results again") from None


def _read_numbers(row: Mapping[str, object]) -> dict[str, float]:
    """The numbers of a row under the ledger's names: ``val_loss`` for ``val/loss``."""
    numbers = {}
    for name, value in row.items():
        with suppress(ValueError):
            numbers[str(name).replace("/", "_")] = float(str(value))
    return numbers


def _build_training(rows: Sequence[Mapping[str, float]], length: int) -> SourceTraining:
    spent = max(row["epochs"] for row in rows)
    return SourceTraining(spent, next((row for row in rows if row["epochs"] == length), None))


def build_equal_epochs_sheet(
    measures: Sequence[Measure], length: int, sources: Mapping[str, Sequence[SourceTraining]]
) -> Sheet:
    """For each budget of epochs and each source: the best loss, the best within the target, the hypervolume.

    Args:
        measures: of the search; all sources are judged by them.
        length: epochs at which trainings are compared.
        sources: the trainings by name of the source, in the order in which they were trained.
    """
    fewest = min(sum(training.epochs for training in trainings) for trainings in sources.values())
    rows: list[tuple[Cell, ...]] = []
    for share in BUDGET_SHARES:
        for name, trainings in sources.items():
            rows.append((round(share * fewest), name, *_judge(measures, trainings, share * fewest)))
    title = f"Equal epochs: trainings of {length} epochs, judged on the validation split; hypervolume: larger is better"
    loss = measures[0].name
    columns = ("epochs", "source", "trainings", "of full length", f"best {loss}", "within target", "hypervolume")
    return Sheet("equal_epochs", title, columns, rows)


def _judge(measures: Sequence[Measure], trainings: Sequence[SourceTraining], budget: float) -> tuple[Cell, ...]:
    """The cells of one source: what its first trainings reached that the budget pays for."""
    spent, paid = 0.0, []
    for training in trainings:
        spent += training.epochs
        if spent > budget:
            break
        paid.append(training)
    outcomes = [training.outcome for training in paid if training.outcome is not None]
    values = [tuple(measure(outcome) for measure in measures) for outcome in outcomes]
    within = [
        value[0] for value, outcome in zip(values, outcomes, strict=True)
        if all(m.target is None or m.number(outcome) <= m.target for m in measures)
    ]  # fmt: skip
    best = min((value[0] for value in values), default=None)
    volume = hypervolume(values, tuple(measure.reference for measure in measures))
    return len(paid), len(outcomes), best, min(within, default=None), volume
