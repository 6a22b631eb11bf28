"""A job that goes wrong, in whatever way, costs one job, with every launcher."""

import gc
import multiprocessing
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.launcher.conftest import Batch
from tests.launcher.driver import launching, trials_of
from tests.launcher.jobs import loss
from uniads.search.trial import Status

IN_PROCESS = {
    "raise": "ValueError: weight must be 0 or more, got -1",
    "silent": "the training raised MemoryError",
    "unreadable": "UnreadableError: not to be read",
    "unwritable": "UnwritableError: not to be written",
    "strange": "Strange: no exception",
    "exit": "the training left with exit code 3",
}
DEADLY = {
    "leave": "the job's process left with exit code 3",
    "vanish": "the job's process left with exit code 0",
    "crash": "the job's process was killed by signal SIGSEGV",
    "kill": "the job's process was killed by signal SIGKILL, as the system does when memory runs out",
}
HANG = {"hang": "the job took longer than 8 seconds, the limit in hydra.launcher.timeout"}


def between(faults: dict[str, str]) -> list[str | None]:
    """Each fault with a good job before it, and one at the end."""
    return [entry for name in faults for entry in (None, name)] + [None]


def judged(batch: Batch, faults: dict[str, str], *launcher: str) -> dict[str, str]:
    """The reasons of the faulty jobs, after a look at the good ones."""
    trials = batch(*between(faults), launcher=launcher)
    good, bad = trials[::2], trials[1::2]
    assert [trial.status for trial in good] == [Status.COMPLETED] * len(good)
    assert [trial.outcome["val_loss"] for trial in good] == [loss(trial.seed, 1) for trial in good]
    assert [trial.status for trial in bad] == [Status.FAILED] * len(bad)
    return {name: trial.reason for name, trial in zip(faults, bad, strict=True)}


def tries(tmp_path: Path) -> list[int]:
    """How often each job was started."""
    files = sorted((tmp_path / "trials").glob("*/count.txt"))
    return [len(file.read_text().splitlines()) for file in files]


def test_with_basic_whatever_is_raised_costs_one_job(batch: Batch, tmp_path: Path) -> None:
    assert judged(batch, IN_PROCESS, "launcher=basic") == IN_PROCESS
    assert set(tries(tmp_path)) == {1}
    assert "second line" in (tmp_path / "trials" / "c0001" / "error-1.txt").read_text()


@pytest.mark.parametrize(
    "faults",
    [{"kill": DEADLY["kill"]} | HANG, pytest.param(IN_PROCESS | DEADLY | HANG, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_with_pool_whatever_happens_costs_one_job(faults: dict[str, str], batch: Batch, tmp_path: Path) -> None:
    launcher = ("launcher=pool", "hydra.launcher.n_jobs=2", "hydra.launcher.timeout=8")
    before = set(multiprocessing.active_children())  # joblib keeps its processes for the next test
    assert judged(batch, faults, *launcher) == faults
    assert set(tries(tmp_path)) == {1}
    assert set(multiprocessing.active_children()) <= before
    assert not [file for file in tmp_path.rglob("*") if file.suffix == ".part" or file.name.startswith("lock-")]


@pytest.mark.parametrize("name", ["basic", pytest.param("pool", marks=pytest.mark.slow)])
def test_a_full_disk_is_no_candidates_fault(name: str, batch: Batch, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"the disk of .*trials is full; free some space, then go on .*hydra\.run\.dir="):
        batch(None, "full", launcher=(f"launcher={name}",))
    assert [file.parent.name for file in tmp_path.rglob("answer-*.json")] == ["c0000"]
    known, _ = batch(None, None, launcher=(f"launcher={name}",))
    assert known.status is Status.COMPLETED
    assert tries(tmp_path) == [1, 1, 1], "without its fault it is another candidate, in a folder of its own"


def test_a_launcher_that_can_start_nothing_fails_no_candidate(tmp_path: Path) -> None:
    with launching(tmp_path, "launcher=basic", "+distance@one=klx") as launch, pytest.raises(Exception, match="klx"):
        list(launch(trials_of(None, None)))
    assert not list(tmp_path.rglob("answer-*.json"))


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*IN_PROCESS, *DEADLY, "hang"])
def test_with_joblib_whatever_happens_costs_one_job(fault: str, batch: Batch, tmp_path: Path) -> None:
    launcher = ("launcher=joblib", "hydra.launcher.timeout=8")
    reason = judged(batch, {fault: ""}, *launcher)[fault]
    if fault in IN_PROCESS:
        assert reason == IN_PROCESS[fault]
        assert set(tries(tmp_path)) == {1}
    elif fault == "hang":
        assert reason == "the job took longer than the launcher's time limit"
    else:
        assert reason.startswith("the job's process died: TerminatedWorkerError: A worker process")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("fault", [*IN_PROCESS, *DEADLY])
def test_with_submitit_whatever_happens_costs_one_job(fault: str, batch: Batch, tmp_path: Path) -> None:
    reason = judged(batch, {fault: ""}, "launcher=submitit")[fault]
    gc.collect()  # Submitit never waits for the processes that it starts, and Python says so
    if fault in IN_PROCESS:
        assert reason == IN_PROCESS[fault]
        assert set(tries(tmp_path)) == {1}
    else:
        assert reason.startswith("the job's process died: UncompletedJobError: Job")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="needs uniads[ray]")
@pytest.mark.parametrize("fault", [*IN_PROCESS, *DEADLY])
def test_with_ray_whatever_happens_costs_one_job(fault: str, batch: Batch) -> None:
    reason = judged(batch, {fault: ""}, "launcher=ray")[fault]
    assert reason == IN_PROCESS[fault] if fault in IN_PROCESS else reason.startswith("the job's process died: ")
