"""What a launcher runs for each trial: train, and leave the answer on disk, whatever becomes of the process."""

import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from hydra.errors import InstantiationException
from omegaconf import DictConfig

from uniads.bridge.machine import find_fault
from uniads.bridge.process_state import restored_state
from uniads.error import UserError
from uniads.error import first_line as first_line_of
from uniads.launcher.slip import Answer, Slip
from uniads.launcher.worker import leave_with_parent
from uniads.notice import listening
from uniads.outcome import Outcome


@final
@dataclass(frozen=True)
class Job:
    """Trains a candidate to its rung. It raises for nothing but Ctrl-C and a fault of the machine.

    Of two processes that are given the same job, after a kill, the second waits and takes the answer of the first.
    Whatever a training changes in its process is put back for the next one.

    Args:
        train: a function that other processes can import.
    """

    train: Callable[[DictConfig], Outcome]

    def __call__(self, cfg: DictConfig) -> None:
        """Run the job that ``cfg.paths.run_dir`` and ``cfg.stop_epoch`` name. Its answer is a file in that directory.

        Raises:
            KeyboardInterrupt: on Ctrl-C.
            MachineError: a disk is full, or the machine fails in another way.
        """
        slip = Slip(Path(cfg.paths.run_dir), cfg.stop_epoch)
        slip.folder.mkdir(parents=True, exist_ok=True)
        leave_with_parent()
        with slip.lock:
            if slip.find() is None:
                slip.sign()
                notes: list[str] = []
                with listening(notes.append), restored_state():
                    answer = self._answer(cfg, slip)
                slip.write({**answer, **({"notes": notes} if notes else {})})
            slip.tidy()

    def _answer(self, cfg: DictConfig, slip: Slip) -> Answer:
        try:
            outcome = self.train(cfg)
            return {"reason": outcome.rejected, "outcome": outcome.numbers(), "seconds": outcome.seconds}
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a library may raise: it costs this job, and no other
            if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
                # Lightning turns Ctrl-C into an exit, and ignores further ones.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                raise KeyboardInterrupt from error
            if fault := find_fault(_unwrap(error), slip.folder.parent):
                # Without the original, which other processes may be unable to read.
                raise fault from None
            slip.error.write_text(_format_trace(error), encoding="utf-8", errors="backslashreplace")
            return {"failed": first_line(error)}


def _format_trace(error: BaseException) -> str:
    """An error's stack trace, as far as it can be told."""
    try:
        return "".join(traceback.format_exception(error))[-1_000_000:]
    except Exception:  # an exception of anybody's may fail to show itself
        return first_line(error)


def _unwrap(error: BaseException) -> BaseException:
    """An error, or what Hydra wraps in its own."""
    return error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error


def first_line(error: BaseException) -> str:
    """The first line of an error, or of what Hydra wraps in its own, as a row's reason."""
    error = _unwrap(error)
    if isinstance(error, SystemExit):
        return f"the training left with exit code {str(error.code)[:20]}"
    first = first_line_of(error)
    if isinstance(error, UserError) and first:
        return first
    return f"{type(error).__name__}: {first}" if first else f"the training raised {type(error).__name__}"
