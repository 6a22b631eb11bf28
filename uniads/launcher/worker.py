"""A process that runs one job at a time, and that a job may end."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import active_children, forkserver, get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, final

FORKS = sys.platform == "linux"
"""Whether workers are forked from a server that has imported what they need, and nothing more. Else they are spawned:
macOS's own libraries don't survive a fork, and Windows has none."""

POLL = 0.5
"""Seconds between two checks that the search is still running."""

PATIENCE = 10
"""Seconds that a process may take to end."""

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The environment variable that tells CUDA which GPUs to use. It must be set before a process first uses one."""


def import_ahead(module: str) -> None:
    """Begin to import what workers need, once for all of them, while this process goes on; on Linux only.

    The server is a fresh process: it has no threads, no GPU, and nothing of this process in its memory.
    """
    if FORKS:
        forkserver.set_forkserver_preload([module])
        # While it imports, Ctrl-C would end it with a stack trace. What is ignored here, it ignores from its start.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            forkserver.ensure_running()
        finally:
            signal.signal(signal.SIGINT, handler)


@final
class Worker:
    """One process that is used again for the next job. When it ends early, the next job gets a new one.

    It is a process pool of size one, so that it is certain which job ended it.

    Args:
        gpu: the only one that the process sees, as CUDA_VISIBLE_DEVICES names it; None for all.
    """

    def __init__(self, gpu: str | None = None) -> None:
        self._gpu = gpu
        self._pool: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a job. Its future raises ``BrokenProcessPool`` when the process dies.

        Raises:
            KeyboardInterrupt: on Ctrl-C, when the process is known, so that ``close`` ends it.
        """
        if self._pool and self._process and self._process.is_alive():  # it may have died between two jobs
            with suppress(BrokenProcessPool):
                return self._pool.submit(function, *arguments)
        self.close()
        context = get_context("forkserver" if FORKS else "spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_prepare, initargs=(self._gpu,))
        before = {process.pid for process in active_children()}
        with _delay_interrupt():
            future = self._pool.submit(function, *arguments)
            self._process = next(process for process in active_children() if process.pid not in before)
        return future

    def close(self) -> int | None:
        """End the process, even during a job; returns the exit code, below 0 for a signal's number."""
        if not self._pool or not self._process:
            return None
        self._process.kill()  # nothing, if it is dead already
        self._process.join(PATIENCE)
        self._pool.shutdown()
        code = self._process.exitcode
        self._pool = self._process = None
        return code


@contextmanager
def _delay_interrupt() -> Iterator[None]:
    """Handle Ctrl-C at the end of the block. Blocking the signal would not help: other threads still receive it."""
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if received:
        signal.raise_signal(signal.SIGINT)


def explain_exit(code: int | None) -> str:
    """How a process ended, as a sentence."""
    if code is None or code >= 0:
        return f"the job's process left with exit code {code}"
    name = str(-code)
    with suppress(ValueError):
        name = signal.Signals(-code).name
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the job's process was killed by signal {name}{hint}"


def leave_with_parent() -> None:
    """End this worker process as soon as the search is gone, even by SIGKILL, so that it frees its GPU."""
    parent = parent_process()
    if parent and parent.pid:
        _leave_after(parent.pid, partial(_poll, parent.pid))


def _poll(pid: int) -> None:
    while os.getppid() == pid:
        time.sleep(POLL)


_watched_pids: list[int] = []


def _leave_after(pid: int, end: Callable[[], None]) -> None:
    """Leave when ``end``, which waits for the end of process ``pid``, returns."""

    def leave() -> None:
        end()
        os._exit(1)

    if pid not in _watched_pids:
        _watched_pids.append(pid)
        Thread(target=leave, daemon=True).start()


def _prepare(gpu: str | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the search handles Ctrl-C
    if gpu is not None:
        os.environ[VISIBLE] = gpu
    search = parent_process()
    assert search is not None
    assert search.pid is not None
    _leave_after(search.pid, search.join)  # a forked worker's parent, for the system, is the server
