"""Workers: how many there are, which GPU each sees, and that what they need is imported once for all of them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from joblib import cpu_count

from uniads.launcher.pool import PoolLauncher
from uniads.launcher.worker import FORKS, VISIBLE, Worker

FIRST = "import os, sys, signal; from uniads.launcher.worker import Worker, import_ahead; import_ahead('colorsys')"
SEEN = "'colorsys' in __import__('sys').modules"


@contextmanager
def worker(gpu: str | None = None) -> Iterator[Worker]:
    made = Worker(gpu)
    try:
        yield made
    finally:
        made.close()


def gpus_of(launcher: PoolLauncher) -> list[str | None]:
    return [worker._gpu for worker in launcher._workers]


def test_without_a_number_the_cores_are_shared_among_the_threads_of_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert gpus_of(PoolLauncher(threads=1)) == [None] * cpu_count()
    assert gpus_of(PoolLauncher(threads=10 * cpu_count())) == [None]
    assert gpus_of(PoolLauncher(threads=None)) == [None]
    assert gpus_of(PoolLauncher(n_jobs=3, threads=None)) == [None] * 3


def test_workers_share_the_gpus_evenly_and_each_sees_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv(VISIBLE, raising=False)
    assert gpus_of(PoolLauncher()) == ["0", "1", "0", "1"]
    assert gpus_of(PoolLauncher(n_jobs=3)) == ["0", "1", "0"]
    assert gpus_of(PoolLauncher(per_gpu=1)) == ["0", "1"]
    assert gpus_of(PoolLauncher(accelerator="cpu")) == [None] * cpu_count()
    monkeypatch.setenv(VISIBLE, "3, GPU-8f4a")
    assert gpus_of(PoolLauncher(per_gpu=1)) == ["3", "GPU-8f4a"]


@pytest.mark.parametrize("setting", [{"n_jobs": 0}, {"per_gpu": 0}, {"timeout": 0}])
def test_no_worker_and_no_time_are_refused(setting: dict[str, int]) -> None:
    (name,) = setting
    with pytest.raises(ValueError, match=rf"hydra\.launcher\.{name} must be .*got 0"):
        PoolLauncher(**setting)


def test_a_worker_sees_its_gpu_and_another_sees_all() -> None:
    asked = f"__import__('os').environ.get('{VISIBLE}')"
    with worker("7") as one, worker() as other:
        assert one.submit(eval, asked).result(60) == "7"
        assert other.submit(eval, asked).result(60) == os.environ.get(VISIBLE)


def test_a_worker_is_used_again_and_replaced_after_its_death() -> None:
    with worker() as one:
        first = one.submit(os.getpid).result(60)
        assert one.submit(os.getpid).result(60) == first
        os.kill(first, signal.SIGKILL)
        one._process.join(60)  # type: ignore[union-attr]
        assert one.submit(os.getpid).result(60) != first


@pytest.mark.skipif(not FORKS, reason="workers are spawned here")
def test_what_is_imported_ahead_is_imported_once_for_all_workers() -> None:
    code = f"""{FIRST}
assert 'colorsys' not in sys.modules
one, other = Worker(), Worker()
print(one.submit(eval, "{SEEN}").result(60), one.submit(os.getppid).result(60) == other.submit(os.getppid).result(60))
one.close(), other.close()"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["True", "True"], done.stderr


@pytest.mark.skipif(not FORKS, reason="workers are spawned here")
def test_ctrl_c_while_it_imports_does_not_stop_the_server() -> None:
    code = f"""{FIRST}
from multiprocessing.forkserver import _forkserver
os.kill(_forkserver._forkserver_pid, signal.SIGINT)
one = Worker()
print(one.submit(eval, "{SEEN}").result(60), signal.getsignal(signal.SIGINT) is signal.default_int_handler)
one.close()"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not FORKS, reason="workers are spawned here")
def test_ctrl_c_while_the_first_worker_waits_for_the_server_leaves_no_process(tmp_path: Path) -> None:
    slow = "import os, signal, time\ntime.sleep(1)\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(1)\n"
    (tmp_path / "slow.py").write_text(slow)
    code = """
import multiprocessing, time
from uniads.launcher.worker import Worker, import_ahead
import_ahead('slow')
one = Worker()
try:
    one.submit(time.sleep, 600)
    time.sleep(60)
except KeyboardInterrupt:
    one.close()
    print('interrupted', multiprocessing.active_children())
"""
    paths = {"PYTHONPATH": os.pathsep.join([os.getcwd(), str(tmp_path)])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | paths)
    assert done.stdout == "interrupted []\n"
    assert done.stderr == ""
