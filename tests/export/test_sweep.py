"""Sweeps from the real command line, and what a training in one leaves."""

import json
import shlex
from pathlib import Path

import pytest
import yaml

from tests.journey import LIGHTNING, SMALL, Commands
from uniads import sweep, train
from uniads.export import __main__ as export
from uniads.report import __main__ as report

pytestmark = LIGHTNING
TINY = ("search=tiny", "space=tiny", "launcher=basic")


def test_a_sweep_runs_trainings_of_the_searchs_space(
    command: Commands, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    teachers = f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"
    ended = command(sweep.main, *SMALL, *TINY, "recipe.epochs=2", teachers)
    assert ended.code == 0, ended.error
    folder = tmp_path / "outputs/sweep/resnet56-resnet20"
    random, bayes = (yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in ("random", "bayes"))
    assert random["method"] == "random"
    assert random["run_cap"] == 3, "4 candidates cost 2 * (2 + 1) epochs, which pay for 3 runs of 2"
    assert bayes["early_terminate"] == {"type": "hyperband", "min_iter": 1, "eta": 2}
    assert random["parameters"] == bayes["parameters"]
    assert random["parameters"]["distance@distiller.logits.distance"] == {"values": ["kl", "l2"]}
    # As W&B's agent spells it.
    picked = [f"{key}={values['values'][0]}" for key, values in random["parameters"].items()]
    start, end = random["command"].index("uniads.train"), random["command"].index("${args_no_hyphens}")
    assert random["command"][:start] == ["${env}", "${interpreter}", "-m"]
    ended = command(train.main, *random["command"][start + 1 : end], *picked)
    assert ended.code == 0, ended.error
    rows = [json.loads(line) for line in (folder / "random.jsonl").read_text().splitlines()]
    assert [row["epochs"] for row in rows] == [1, 2]
    target = int(next(item for item in random["command"] if "sweep.target" in item).partition("=")[2])
    for row in rows:
        assert row["objective"] == pytest.approx(row["val/loss"] + abs(row["params"] - target) / target)
    outcome = json.loads(next(tmp_path.glob("outputs/train/**/outcome.json")).read_text())
    assert rows[-1]["val/loss"] == pytest.approx(outcome["val_loss"])
    assert rows[-1]["params"] == outcome["params"]


@pytest.mark.parametrize(
    ("main", "overrides", "words"),
    [
        (report.main, (), ["outputs holds neither a ledger.jsonl nor", "python -m uniads.train -m"]),
        (export.main, (), ["no ledger is given", "ledger=FILE"]),
        (export.main, ("ledger=none.jsonl",), ["no ledger at none.jsonl"]),
        (sweep.main, ("sweep.results=[a.csv]",), ["needs both sweep.ledger=FILE and sweep.results"]),
        (sweep.main, ("sweep.results=[a.csv]", "sweep.ledger=b.jsonl"), ["no ledger at b.jsonl"]),
    ],
)
def test_what_makes_no_sense_is_refused(
    main: object, overrides: tuple[str, ...], words: list[str], command: Commands
) -> None:
    assert callable(main)
    ended = command(main, *overrides)
    assert ended.code == 1
    assert ended.error.startswith("error: ")
    assert "Traceback" not in ended.out + ended.error
    for word in words:
        assert word in ended.error, shlex.quote(ended.error)
