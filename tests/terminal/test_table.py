"""Fronts as tables: every objective is shown, and every row can be trained again."""

import csv
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from uniads.search import Measure, Result
from uniads.search.trial import Trial
from uniads.terminal.table import build_front_table, explain_marks, list_numbers, write_csv


def trial(number: int, loss: float, flops: float) -> Trial:
    pending = Trial(f"c000{number}", (number,), (f"student.width={number}",), 0, 0, 3, 17)
    ended = pending.completed({"val_loss": loss, "flops": flops}, seconds=1.0)
    return Trial(**{**vars(ended), "values": (loss, flops)})


@pytest.fixture
def result() -> Result:
    measures = (Measure("val_loss"), Measure("flops"))
    return Result((trial(1, 0.5, 2e6), trial(2, 0.7, 1e6), trial(3, 0.9, 3e6)), measures, top=0)


def test_all_objectives_and_nothing_that_was_not_measured_are_shown(result: Result) -> None:
    assert list_numbers(result) == ["val_loss", "flops"]
    console = Console(width=100, record=True, file=StringIO())
    console.print(build_front_table(result))
    shown = console.export_text()
    assert "val_loss (nats)" in shown
    assert "2,000,000" in shown
    assert "nan" not in shown
    assert "c0003" not in shown, "it is dominated"


def test_a_row_holds_the_command_that_trains_it_again(result: Result, tmp_path: Path) -> None:
    write_csv(result.front, tmp_path / "front.csv", list_numbers(result), lambda trial: f"train {trial.candidate}")
    with (tmp_path / "front.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["candidate"], row["flops"], row["command"]) for row in rows] == [
        ("c0001", "2000000.0", "train c0001"),
        ("c0002", "1000000.0", "train c0002"),
    ]


def test_what_best_means_follows_from_the_targets() -> None:
    loss, size = Measure("val_loss"), Measure("params", 691386.0)
    assert explain_marks(Result((), (loss, size), 0)).startswith(
        "best: the lowest val_loss within the target of params 691,386, or else nearest to it; knee: "
    )
    assert explain_marks(Result((), (loss,), 0)) == "best: the lowest val_loss"
