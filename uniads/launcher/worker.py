"""A process that runs one job at a time, and may die of it."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, final

POLL = 0.5
"""Seconds between two looks at whether the search is still there."""

PATIENCE = 10
"""Seconds that a process, once it is told to end, may take for it."""


@final
class Worker:
    """One spawned process, used again for the next job; after a death the next job gets a new one.

    It is a pool of one of the standard library, so that a death belongs to one job without doubt.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a job. Its future raises ``BrokenProcessPool`` when the process dies."""
        if self._pool:
            with suppress(BrokenProcessPool):  # it died between two jobs
                return self._pool.submit(function, *arguments)
            self.close()
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_prepare)
        before = {process.pid for process in active_children()}
        future = self._pool.submit(function, *arguments)
        self._process = next(process for process in active_children() if process.pid not in before)
        return future

    def close(self) -> int | None:
        """End the process, whatever it is at; returns the exit code, below 0 for a signal's number."""
        if not self._pool or not self._process:
            return None
        self._process.kill()  # nothing, if it is dead already
        self._process.join(PATIENCE)
        self._pool.shutdown()
        code = self._process.exitcode
        self._pool = self._process = None
        return code


def died(code: int | None) -> str:
    """How a process ended, as a sentence."""
    if code is None or code >= 0:
        return f"the job's process left with exit code {code}"
    name = str(-code)
    with suppress(ValueError):
        name = signal.Signals(-code).name
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the job's process was killed by signal {name}{hint}"


def leave_with_parent() -> None:
    """End this worker process as soon as the search is gone, even by SIGKILL, so that it holds no GPU for nobody."""
    parent = parent_process()
    if parent and parent.pid and parent.pid not in _watched:
        _watched.append(parent.pid)
        Thread(target=_leave_with, args=(parent.pid,), daemon=True).start()


_watched: list[int] = []


def _leave_with(pid: int) -> None:
    while os.getppid() == pid:
        time.sleep(POLL)
    os._exit(1)


def _prepare() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C the search takes care
    leave_with_parent()
