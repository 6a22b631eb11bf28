"""What a launcher runs for each trial: train, and leave the answer on disk, whatever becomes of the process."""

import errno
import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from hydra.errors import InstantiationException
from omegaconf import DictConfig

from uniads.error import UserError
from uniads.launcher.slip import Answer, Slip
from uniads.launcher.worker import leave_with_parent
from uniads.outcome import Outcome

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk, a quota or a file that is full. They say nothing about the candidate."""


@final
@dataclass(frozen=True)
class Job:
    """Trains a candidate to its rung. It raises for nothing but Ctrl-C and a full disk.

    Of two processes that are given the same job, after a kill, the second waits and takes the answer of the first.

    Args:
        train: a function that other processes can import.
    """

    train: Callable[[DictConfig], Outcome]

    def __call__(self, cfg: DictConfig) -> None:
        """Run the job that ``cfg.paths.run_dir`` and ``cfg.stop_epoch`` name. Its answer is a file in that directory.

        Raises:
            KeyboardInterrupt: on Ctrl-C.
            OSError: the disk is full.
        """
        slip = Slip(Path(cfg.paths.run_dir), cfg.stop_epoch)
        slip.folder.mkdir(parents=True, exist_ok=True)
        leave_with_parent()
        with slip.lock:
            if not slip.answer.exists():
                slip.sign()
                slip.write(self._answer(cfg, slip))
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
            if is_full(error):
                # Without the original, which other processes may be unable to read.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(slip.folder)) from None
            slip.error.write_text(traceback.format_exc())
            return {"failed": first_line(error)}


def first_line(error: BaseException) -> str:
    """The first line of an error, or of what Hydra wraps in its own, as a row's reason."""
    if isinstance(error, InstantiationException) and error.__cause__:
        error = error.__cause__
    if isinstance(error, SystemExit):
        return f"the training left with exit code {error.code}"
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, UserError) and first:
        return first
    return f"{type(error).__name__}: {first}" if first else f"the training raised {type(error).__name__}"


def is_full(error: Any) -> bool:
    """Whether an error means that a disk is full. Torch has no error of its own for it."""
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return True
    return "PytorchStreamWriter failed writing" in str(error)
