"""The compare command, and the statistics that it prints."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wilcoxon

from tests.journey import LIGHTNING, RECORDED, Commands
from uniads import compare
from uniads.report.comparison.standing import adjust_p_values, bootstrap_median, build_standings

pytestmark = LIGHTNING


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


def test_a_comparison_draws_curves_and_writes_tables(run: Commands, tmp_path: Path) -> None:
    brackets = "'brackets: quick schedule@search.schedule=hyperband'"
    done = run(
        compare.main, f"ledger={RECORDED}", f"algorithms=[quick,random,{brackets}]",
        "seeds=3", "epochs=60", f"hydra.run.dir={tmp_path}",
    )  # fmt: skip
    assert done.code == 0, done.error
    assert "5-fold cross-validation" in done.out
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert [row["algorithm"] for row in content["rows"]] == ["quick", "random", "brackets"]
    assert all(0 <= row["low"] <= row["hypervolume"] <= row["high"] for row in content["rows"])
    assert sum(row["rank"] for row in content["rows"]) == pytest.approx(6)
    assert content["recorded"] < content["trials"]
    assert len(list(csv.reader((tmp_path / "comparison.csv").read_text().splitlines()))) == 4
    assert (tmp_path / "comparison.md").read_text().startswith("| search |")
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    assert "<svg" in (tmp_path / "curves.svg").read_text()


def test_among_recorded_candidates_the_ledger_answers_everything(run: Commands, tmp_path: Path) -> None:
    done = run(
        compare.main, f"ledger={RECORDED}", "algorithms=[paper,random]", "seeds=2", "epochs=60", "answers=recorded",
        f"hydra.run.dir={tmp_path}",
    )  # fmt: skip
    assert done.code == 0, done.error
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["recorded"] == content["trials"] > 0
    assert content["surrogate"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "add ledger=FILE"),
        (["ledger=none.jsonl"], "no ledger at none.jsonl"),
        ([f"ledger={RECORDED}", "answers=oracle"], "answers must be one of surrogate, recorded"),
        ([f"ledger={RECORDED}", "seeds=1"], "seeds must be a whole number of at least 2, got 1"),
        ([f"ledger={RECORDED}", "algorithms=[quick,magic]"], "magic"),
        ([f"ledger={RECORDED}", "algorithms=['quick search.rungs=[1,2,3,4]']"], "has 4 rungs, the ledger 3"),
    ],
)
def test_mistakes_are_told_in_a_sentence(run: Commands, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = run(compare.main, *arguments, f"hydra.run.dir={tmp_path}")
    assert done.code == 1
    assert said in done.error


def test_standings_are_ranks_and_a_paired_test() -> None:
    one = np.arange(12.0)
    volumes = {"one": one, "two": one + np.linspace(0.1, 0.3, 12), "three": one - np.linspace(0.2, 0.9, 12)}
    found = build_standings(volumes, {name: 20 - values for name, values in volumes.items()})
    assert [row.rank for row in found] == [2, 1, 3]
    assert [row.better for row in found] == [None, 1, 0]
    assert found[1].p == pytest.approx(2 * wilcoxon(volumes["two"], one).pvalue)
    assert found[0].hypervolume == found[0].regret - 9 == 5.5


def test_holms_method_on_a_worked_example() -> None:
    assert adjust_p_values([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_the_interval_of_equal_numbers_is_a_point() -> None:
    low, high = bootstrap_median(np.full(7, 2.5))
    assert low == high == 2.5
