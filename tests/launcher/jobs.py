"""Jobs that take no time, and jobs that go wrong. Nothing here imports torch, so that workers start at once."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from omegaconf import DictConfig

from uniads.outcome import Outcome


class UnreadableError(Exception):
    """Can be pickled, but not unpickled: its constructor wants another argument."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


class UnwritableError(Exception):
    """Can't be pickled."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("no pickle of this")


class Strange(BaseException):
    """No Exception."""


def job(cfg: DictConfig) -> Outcome:
    """Counts itself in ``count.txt``, then does what ``fault`` says, or answers with a number of its seed."""
    with open(os.path.join(cfg.paths.run_dir, "count.txt"), "a") as file:
        file.write(f"{cfg.stop_epoch}\n")
    if name := cfg.get("fault"):
        FAULTS[name](cfg)
    return Outcome(cfg.seed % 97, cfg.stop_epoch, 0, 0, 0.125, val_loss=loss(cfg.seed, cfg.stop_epoch))


def loss(seed: int, epochs: int) -> float:
    """What a good job answers."""
    return seed % 101 / 100 + 1 / epochs


def raising(error: BaseException) -> Callable[[Any], None]:
    def fault(cfg: Any) -> None:
        raise error

    return fault


def kill_once(cfg: Any) -> None:
    """Die when tried for the first time."""
    with open(os.path.join(cfg.paths.run_dir, "count.txt")) as file:
        if len(file.readlines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)


FAULTS: dict[str, Callable[[Any], object]] = {
    "raise": raising(ValueError("weight must be 0 or more, got -1\nsecond line")),
    "silent": raising(MemoryError()),
    "unreadable": raising(UnreadableError("not to be read", "again")),
    "unwritable": raising(UnwritableError("not to be written")),
    "strange": raising(Strange("no exception")),
    "full": raising(OSError(28, "No space left on device")),
    "exit": lambda cfg: sys.exit(3),
    "leave": lambda cfg: os._exit(3),
    "vanish": lambda cfg: os._exit(0),
    "crash": lambda cfg: ctypes.string_at(0),
    "kill": lambda cfg: os.kill(os.getpid(), signal.SIGKILL),
    "once": kill_once,
    "hang": lambda cfg: time.sleep(600),
    "none": lambda cfg: None,
    "slow": lambda cfg: time.sleep(0.5),
}
