"""Faults of the machine: they say nothing about the candidate that met them."""

import errno
import os
from pathlib import Path

from uniads.error import DamagedFileError, FullDiskError, MachineError, MissingFileError, safe_text

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk, a quota or a file that is full."""

BROKEN = tuple(
    getattr(errno, name)
    for name in ("EIO", "EROFS", "ESTALE", "EMFILE", "ENFILE", "ENODEV", "ENXIO", "ENOTCONN")
    if hasattr(errno, name)
)
"""Errors of a disk that fails, can't be written or has gone, and of too many open files."""

SHARED_MEMORY = "/dev/shm"
SHARED_SIGNS = ("shared memory", "shm", "/torch_")
"""What torch's errors say of it; they have no number."""


def find_fault(error: object, trials: Path) -> MachineError | None:
    """The fault of the machine that an error tells of; None where it tells of another one.

    Args:
        error: any; what is no exception tells of nothing.
        trials: the folder of a search's candidates; to go on, the search is given the folder above.
    """
    if isinstance(error, MachineError):
        return error
    if not isinstance(error, BaseException):
        return None
    go_on = f"then go on with the same command and hydra.run.dir={trials.parent}"
    if (place := _full_place(error, trials)) is not None:
        if place.startswith(SHARED_MEMORY):
            return FullDiskError(
                f"the shared memory {SHARED_MEMORY} of this machine is full; free it or make it larger (docker run "
                f"--shm-size=8g), or read images without further processes (data.workers=0), {go_on}"
            )
        return FullDiskError(f"the disk of {place} is full; free some space, {go_on}")
    if isinstance(error, OSError) and error.errno and error.errno in BROKEN:
        place = f" at {error.filename}" if error.filename else ""
        return MachineError(f"the machine failed{place}: {os.strerror(error.errno)}; mend that, {go_on}")
    if "Too many open files" in safe_text(error):
        return MachineError(f"the machine has too many open files; raise the limit (ulimit -n), {go_on}")
    if isinstance(error, MissingFileError | DamagedFileError):
        return MachineError(f"{safe_text(error)}; mend that, {go_on}")
    return None


def _full_place(error: BaseException, trials: Path) -> str | None:
    """What is full; None where nothing is."""
    text = safe_text(error)
    if isinstance(error, OSError) and error.errno in FULL:
        return str(error.filename or trials)
    if "PytorchStreamWriter failed writing" in text:
        return str(trials)
    if "No space left on device" in text or "out of shared memory" in text:
        return SHARED_MEMORY if any(sign in text for sign in SHARED_SIGNS) else str(trials)
    return None
