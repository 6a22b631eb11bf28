"""Trials through Hydra's launcher: one bad job costs one job, and an answer on disk is not worked for again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from tests.journey import LIGHTNING, SMALL
from uniads.bridge.launch import Launch
from uniads.bridge.train import train_configured
from uniads.options import conf_dir
from uniads.search.trial import Status, Trial

pytestmark = LIGHTNING
Ask = Callable[..., list[Trial]]
GOOD = ("student.width=1",)
BAD = ("distiller.logits.weight=-1",)
HOPELESS = ("recipe.lr=1e9",)


@pytest.fixture
def launched(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Runs one batch of candidates, named in order, to one epoch of two."""

    def size(trial: Trial) -> float:
        return float(trial.overrides[0].partition("=")[2])

    def ask(*overrides: tuple[str, ...], launcher: tuple[str, ...] = ("launcher=basic",)) -> list[Trial]:
        trials = [
            Trial(f"c{number:04d}", (number,), mine, 0, 0, 1, 100 + number) for number, mine in enumerate(overrides)
        ]
        shared = [*SMALL, "threads=1", f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"]
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            folder = tmp_path / "run" / "trials"
            return list(Launch(loader, shared, launcher, folder, 2, 0, size, train_configured)(trials))

    return ask


def test_a_candidate_that_raises_or_is_hopeless_leaves_the_others_alone(launched: Ask, tmp_path: Path) -> None:
    trials = launched(GOOD, BAD, HOPELESS, ("student.width=0.5",))
    assert [trial.candidate for trial in trials] == ["c0000", "c0001", "c0002", "c0003"]
    statuses = [trial.status for trial in trials]
    assert statuses == [Status.COMPLETED, Status.FAILED, Status.REJECTED, Status.COMPLETED]
    assert "weight of the logits node must be 0 or more and finite, got -1" in trials[1].reason
    assert "\n" not in trials[1].reason
    assert "epoch" in trials[2].reason
    assert 0 < trials[2].outcome["epochs"] <= 1
    for trial in (trials[0], trials[3]):
        assert trial.outcome["val_loss"] > 0
        assert trial.outcome["epochs"] == 1
        assert trial.flops > 0
    assert "Traceback" in (tmp_path / "run" / "trials" / "c0001" / "error-1.txt").read_text()


def test_an_answer_on_disk_is_not_worked_for_again(launched: Ask, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "trials" / "c0000"
    folder.mkdir(parents=True)
    told = {"reason": None, "outcome": {"val_loss": 0.125, "params": 7, "epochs": 1}, "seconds": 2.0}
    (folder / "answer-1.json").write_text(json.dumps(told))
    known, fresh = launched(GOOD, GOOD)
    assert (known.outcome["val_loss"], known.seconds) == (0.125, 2.0)
    assert fresh.outcome["val_loss"] != 0.125
    assert [file.name for file in folder.iterdir()] == ["answer-1.json"]


def test_a_batch_that_is_answered_starts_nothing(launched: Ask, tmp_path: Path) -> None:
    first = launched(GOOD)
    changed = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert launched(GOOD) == first
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*") if file.is_file()} == changed


def test_the_largest_starts_first_and_answers_come_in_the_order_asked(launched: Ask, tmp_path: Path) -> None:
    trials = launched(("student.width=0.5",), ("student.width=2",), ("student.width=1",))
    assert [trial.candidate for trial in trials] == ["c0000", "c0001", "c0002"]
    started = sorted((tmp_path / "run").rglob("started-1"), key=lambda file: file.stat().st_mtime_ns)
    assert [file.parent.name for file in started] == ["c0001", "c0002", "c0000"]


def test_two_candidates_of_one_spelling_and_seed_come_to_one_loss(launched: Ask, tmp_path: Path) -> None:
    (first,) = launched(GOOD)
    (tmp_path / "run" / "trials" / "c0000").rename(tmp_path / "elsewhere")
    (again,) = launched(GOOD)
    assert again.outcome["val_loss"] == first.outcome["val_loss"]


@pytest.mark.slow
def test_joblib_gives_the_numbers_of_the_basic_launcher(launched: Ask, tmp_path: Path) -> None:
    basic = launched(GOOD, BAD)
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    joblib = launched(GOOD, BAD, launcher=("launcher=joblib",))
    assert [trial.status for trial in joblib] == [trial.status for trial in basic]
    assert joblib[0].outcome["val_loss"] == basic[0].outcome["val_loss"]
