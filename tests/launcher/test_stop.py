"""A search that is stopped goes on to the ledger that it would have had, and leaves no process behind."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.launcher import driver
from tests.launcher.driver import launching, searched, trials_of
from tests.launcher.jobs import loss

ROOT = Path(driver.__file__).resolve().parent.parent.parent
POOL = ("launcher=pool", "hydra.launcher.n_jobs=2")
LAUNCHERS = {
    "pool of 1": ("launcher=pool", "hydra.launcher.n_jobs=1"),
    "pool of 3": ("launcher=pool", "hydra.launcher.n_jobs=3"),
    "joblib of 1": ("launcher=joblib", "hydra.launcher.n_jobs=1"),
    "joblib of 2": ("launcher=joblib", "hydra.launcher.n_jobs=2"),
    "joblib of 3": ("launcher=joblib", "hydra.launcher.n_jobs=3"),
    "submitit": ("launcher=submitit",),
    "ray": ("launcher=ray",),
}
WAIT = 60
"""Seconds until a test gives up waiting."""


def until(happened: object, what: str) -> None:
    """Wait for something."""
    end = time.monotonic() + WAIT
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def start(directory: Path, *launcher: str) -> subprocess.Popen[str]:
    """The search as a process, with jobs that take half a second."""
    command = [sys.executable, "-m", "tests.launcher.driver", str(directory), *launcher, "+fault=slow"]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def open_jobs(directory: Path) -> set[Path]:
    """Notes of jobs that have started and not answered."""
    return {
        file for file in directory.glob("trials/*/started-*")
        if not file.with_name(file.name.replace("started", "answer") + ".json").exists()
    }  # fmt: skip


def alive(directory: Path) -> set[int]:
    """Processes that signed a job and still run."""
    signed = {int(file.read_text().split()[0]) for file in directory.glob("trials/*/started-*") if file.read_text()}
    return {pid for pid in signed if Path(f"/proc/{pid}").exists()}


def stopped(directory: Path, number: int, *launcher: str, everyone: bool = False) -> str:
    """Start the search, wait until a job of its is in progress, and send it a signal; returns what it printed.

    A terminal sends Ctrl-C to ``everyone``, the jobs' processes included.
    """
    before = open_jobs(directory)
    known = {file: file.stat().st_mtime_ns for file in before}
    process = start(directory, *launcher)
    until(
        lambda: any(file.stat().st_mtime_ns != known.get(file) for file in open_jobs(directory) if file.exists()), "job"
    )
    send = os.killpg if everyone else os.kill
    send(process.pid, number)
    out, _ = process.communicate(timeout=WAIT)
    until(lambda: not alive(directory), "the end of all jobs")
    return out


def check(directory: Path, calm: Path, stops: int, workers: int) -> None:
    """The same ledger to the last byte, and nothing done again that was done."""
    assert (directory / "ledger.jsonl").read_bytes() == (calm / "ledger.jsonl").read_bytes()
    tries = [file.read_text().splitlines() for file in directory.glob("trials/*/count.txt")]
    jobs = len(list(directory.glob("trials/*/answer-*.json")))
    assert jobs == 10
    assert jobs <= sum(map(len, tries)) <= jobs + stops * workers
    assert not [file for file in directory.rglob("*") if file.suffix == ".part" or file.name.startswith("lock-")]


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
@pytest.mark.slow
def test_with_pool_after_ctrl_c_and_a_kill(tmp_path: Path) -> None:
    searched(tmp_path / "calm", "launcher=basic", "+fault=none")
    assert "interrupted" in stopped(tmp_path / "run", signal.SIGINT, *POOL, everyone=True)
    stopped(tmp_path / "run", signal.SIGKILL, *POOL)
    out, _ = start(tmp_path / "run", *POOL).communicate(timeout=WAIT)
    assert "6 candidates are done" in out
    assert not alive(tmp_path / "run")
    check(tmp_path / "run", tmp_path / "calm", 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("name", ["basic", "pool", "joblib", "submitit"])
def test_with_every_launcher_after_every_signal(name: str, number: int, tmp_path: Path) -> None:
    searched(tmp_path / "calm", "launcher=basic", "+fault=none")
    for everyone in (False, True):
        out = stopped(tmp_path / "run", number, f"launcher={name}", everyone=everyone)
        assert number != signal.SIGINT or "interrupted" in out
    assert "6 candidates are done" in start(tmp_path / "run", f"launcher={name}").communicate(timeout=WAIT)[0]
    check(tmp_path / "run", tmp_path / "calm", 2, 3 if name == "submitit" else 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_launcher_writes_the_same_ledger(name: str, tmp_path: Path) -> None:
    if name == "ray" and find_spec("ray") is None:
        pytest.skip("needs uniads[ray]")
    searched(tmp_path / "calm", "launcher=basic")
    searched(tmp_path / "run", *LAUNCHERS[name])
    check(tmp_path / "run", tmp_path / "calm", 0, 0)


def test_a_job_that_another_process_is_at_is_waited_for(tmp_path: Path) -> None:
    """As after a kill of a search whose jobs run on elsewhere."""
    folder = tmp_path / "trials" / "c0000"
    command = [
        sys.executable, "-c",
        "import sys, time; from uniads.launcher.slip import Slip; from pathlib import Path\n"
        "slip = Slip(Path(sys.argv[1]), 1)\n"
        "with slip.lock:\n    slip.sign(); print(flush=True); time.sleep(1); slip.write({'failed': 'elsewhere'})\n",
        str(folder),
    ]  # fmt: skip
    folder.mkdir(parents=True)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with launching(tmp_path, "launcher=basic") as launch:
            waited, own = launch(trials_of(None, None))
    assert waited.reason == "elsewhere"
    assert own.outcome["val_loss"] == loss(own.seed, 1)
    assert [file.parent.name for file in tmp_path.rglob("count.txt")] == ["c0001"]
