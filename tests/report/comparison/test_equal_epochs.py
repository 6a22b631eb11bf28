"""A search and sweeps at equal epochs."""

import json
from pathlib import Path

import pytest

from uniads.report.comparison.equal_epochs import (
    SourceTraining,
    build_equal_epochs_sheet,
    read_search_trainings,
    read_sweep_trainings,
)
from uniads.search import Measure
from uniads.search.account import Account

MEASURES = (Measure("val_loss", reference=2.0), Measure("params", target=100))


def test_all_are_cut_at_the_same_epochs() -> None:
    def answer(epochs: float, loss: float | None, params: float = 100) -> SourceTraining:
        return SourceTraining(epochs, None if loss is None else {"val_loss": loss, "params": params})

    sheet = build_equal_epochs_sheet(
        MEASURES, 4, {"search": [answer(1, None), answer(3, 1.0), answer(4, 0.5, 150)], "sweep": [answer(4, 1.5)] * 3}
    )
    rows = [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]
    assert [(row["epochs"], row["source"]) for row in rows] == [
        (2, "search"), (2, "sweep"), (4, "search"), (4, "sweep"), (8, "search"), (8, "sweep"),
    ]  # fmt: skip
    assert [row["trainings"] for row in rows] == [1, 0, 2, 1, 3, 2]
    assert [row["of full length"] for row in rows] == [0, 0, 1, 1, 2, 2]
    assert [row["best val_loss"] for row in rows] == [None, None, 1.0, 1.5, 0.5, 1.5]
    assert [row["within target"] for row in rows] == [None, None, 1.0, 1.5, 1.0, 1.5]
    assert [row["hypervolume"] for row in rows] == [0, 0, 1.0, 0.5, 1.25, 0.5]


def test_a_runs_epochs_are_one_training(tmp_path: Path) -> None:
    rows = [
        {"run": "a", "epochs": 1, "params": 9, "val/loss": 2.0},
        {"run": "b", "epochs": 1, "params": 9, "val/loss": 3.0},
        {"run": "a", "epochs": 2, "params": 9, "val/loss": 1.0, "note": "x"},
    ]
    (tmp_path / "sweep.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = read_sweep_trainings(tmp_path / "sweep.jsonl", 2)
    assert [answer.epochs for answer in found] == [2, 1]
    assert found[0].outcome is not None
    assert found[0].outcome["val_loss"] == 1.0
    assert found[1].outcome is None, "it ended before the length at which all are compared"
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "table.csv").write_text("epochs,params,val/loss\n2,9,0.5\n2,9,0.4\n")
    assert [answer.epochs for answer in read_sweep_trainings(tmp_path / "more", 2)] == [2, 2]


def test_a_search_spends_its_own_epochs(account: Account) -> None:
    answers = read_search_trainings(account)
    assert sum(answer.epochs for answer in answers) == account.result.epochs_spent
    assert sum(answer.outcome is not None for answer in answers) == len(account.result.at(account.result.top))


def test_results_that_lack_something_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no results of a sweep at"):
        read_sweep_trainings(tmp_path / "none.csv", 2)
    (tmp_path / "bad.csv").write_text("epochs,params\n2,9\n")
    with pytest.raises(ValueError, match=r"bad\.csv, row 1 has no 'val/loss'"):
        read_sweep_trainings(tmp_path / "bad.csv", 2)
