"""A search beside sweeps, at equal epochs."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uniads.error import UserError
from uniads.report.page.sheet import Cell, Sheet
from uniads.search.account import Account
from uniads.search.objective import Measure
from uniads.search.pareto import hypervolume
from uniads.search.trial import Status

NEEDED = ("epochs", "params", "val/loss")
BUDGETS = (0.25, 0.5, 1.0)
"""Shares of the epochs of whoever trained the least."""


@dataclass(frozen=True)
class Answer:
    """What one training gave.

    Attributes:
        epochs: that it cost.
        outcome: its numbers; None when it did not reach the length at which all are compared.
    """

    epochs: float
    outcome: Mapping[str, float] | None


def of_ledger(account: Account) -> list[Answer]:
    """The trials of a search; those of the top rung are what is compared."""
    return [
        Answer(t.epochs_spent, t.outcome if t.rung == account.result.top and t.status is Status.COMPLETED else None)
        for t in account.result.trials
    ]


def of_results(path: Path, length: int) -> list[Answer]:
    """The runs of a sweep, from a CSV or JSONL file or a folder of such: one row a run, or one an epoch and run.

    Args:
        path: rows with ``epochs``, ``params`` and ``val/loss``; rows with the same ``run`` belong together.
        length: epochs at which runs are compared; one that ended before cost its epochs and gave nothing.

    Raises:
        UserError: there is no such file, or a row lacks a column.
    """
    files = sorted(file for file in path.iterdir() if file.suffix in (".csv", ".jsonl")) if path.is_dir() else [path]
    if not files or not all(file.exists() for file in files):
        raise UserError(f"no results of a sweep at {path}; give a CSV or JSONL file, or a folder of such files")
    runs: dict[str, list[dict[str, float]]] = {}
    for file in files:
        for number, row in enumerate(_rows(file), start=1):
            if missing := [name for name in NEEDED if row.get(name) in (None, "")]:
                raise UserError(f"{file}, row {number} has no {missing[0]!r}; it needs {', '.join(NEEDED)}")
            name = f"{file}: {row.get('run', number)}"
            runs.setdefault(name, []).append(_numbers(row))
    return [_answer(rows, length) for rows in runs.values()]


def _rows(file: Path) -> Iterable[Mapping[str, object]]:
    with file.open(newline="", encoding="utf-8") as stream:
        if file.suffix == ".csv":
            yield from csv.DictReader(stream)
        else:
            yield from (json.loads(line) for line in stream if line.strip())


def _numbers(row: Mapping[str, object]) -> dict[str, float]:
    """The numbers of a row under the ledger's names: ``val_loss`` for ``val/loss``."""
    numbers = {}
    for name, value in row.items():
        try:
            numbers[name.replace("/", "_")] = float(str(value))
        except ValueError:
            continue
    return numbers


def _answer(rows: Sequence[Mapping[str, float]], length: int) -> Answer:
    spent = max(row["epochs"] for row in rows)
    return Answer(spent, next((row for row in rows if row["epochs"] == length), None))


def equal_sheet(measures: Sequence[Measure], length: int, answers: Mapping[str, Sequence[Answer]]) -> Sheet:
    """For each budget of epochs and each source: the best loss, the best within the target, the hypervolume.

    Args:
        measures: of the search; all sources are judged by them.
        length: epochs at which trainings are compared.
        answers: by name of the source, in the order in which they were trained.
    """
    least = min(sum(answer.epochs for answer in found) for found in answers.values())
    rows: list[tuple[Cell, ...]] = []
    for share in BUDGETS:
        for name, found in answers.items():
            rows.append((round(share * least), name, *_reached(measures, found, share * least)))
    title = f"Equal epochs: trainings of {length} epochs, judged on the validation split; hypervolume: larger is better"
    loss = measures[0].name
    columns = ("epochs", "source", "trainings", "of full length", f"best {loss}", "within target", "hypervolume")
    return Sheet("equal_epochs", title, columns, rows)


def _reached(measures: Sequence[Measure], found: Sequence[Answer], budget: float) -> tuple[Cell, ...]:
    spent, kept = 0.0, []
    for answer in found:
        spent += answer.epochs
        if spent > budget:
            break
        kept.append(answer)
    outcomes = [answer.outcome for answer in kept if answer.outcome is not None]
    values = [tuple(measure(outcome) for measure in measures) for outcome in outcomes]
    within = [
        value[0] for value, outcome in zip(values, outcomes, strict=True)
        if all(m.target is None or m.number(outcome) <= m.target for m in measures)
    ]  # fmt: skip
    best = min((value[0] for value in values), default=None)
    volume = hypervolume(values, tuple(measure.reference for measure in measures))
    return len(kept), len(outcomes), best, min(within, default=None), volume
