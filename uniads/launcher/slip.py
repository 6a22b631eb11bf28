"""The files that a job leaves in its folder: which process works on it, and its result."""

import json
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

Answer = Mapping[str, Any]


class Told(BaseModel):
    """An answer, read.

    Attributes:
        failed: why the training failed; None if it did not.
        reason: why it was stopped as hopeless; None if it was not.
        outcome: the numbers that came back; a loss may be NaN.
        seconds: that it took.
        key: of the candidate; None where nobody claimed the folder.
        notes: what a user should know.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    failed: str | None = None
    reason: str | None = None
    outcome: dict[str, int | float] = {}
    seconds: float | int = 0.0
    key: str | None = None
    notes: list[str] = []


@dataclass(frozen=True)
class Slip:
    """Files of one candidate at one rung, in the candidate's folder.

    Whoever works on a job holds ``lock-<epochs>``; the system lets go of it when the process dies, in whatever way. An
    answer is written atomically: whoever finds one finds a whole one.

    Attributes:
        folder: of the candidate.
        epochs: of the rung.
    """

    folder: Path
    epochs: int

    @property
    def answer(self) -> Path:
        return self.folder / f"answer-{self.epochs}.json"

    @property
    def started(self) -> Path:
        return self.folder / f"started-{self.epochs}"

    @property
    def error(self) -> Path:
        return self.folder / f"error-{self.epochs}.txt"

    @property
    def lock_file(self) -> Path:
        return self.folder / f"lock-{self.epochs}"

    @property
    def lock(self) -> FileLock:
        return FileLock(self.lock_file)

    def sign(self) -> None:
        """Note which process has started."""
        self.started.write_text(f"{os.getpid()} {socket.gethostname()}\n")

    @property
    def claim_file(self) -> Path:
        return self.folder / "candidate.json"

    @property
    def claim(self) -> str | None:
        """The key of the candidate whose folder this is; None where nobody has claimed it."""
        try:
            content = json.loads(self.claim_file.read_text(encoding="utf-8"))
            return str(content["key"])
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError, RecursionError):
            return ""

    def write_claim(self, key: str) -> None:
        """Note whose folder this is."""
        if self.claim != key:
            self._write(self.claim_file, json.dumps({"key": key}))

    def find(self) -> Told | None:
        """The answer; None if there is none, or what is there can't be read or is another candidate's."""
        try:
            fields = json.loads(self.answer.read_text(encoding="utf-8"))
            told = Told.model_validate(fields)
        except (FileNotFoundError, ValidationError, ValueError, RecursionError):
            return None
        complete = told.failed is not None or {"reason", "outcome", "seconds"} <= fields.keys()
        return told if complete and told.key in (None, self.claim) else None

    def write(self, answer: Answer) -> None:
        """Leave the answer."""
        claim = self.claim
        self._write(self.answer, json.dumps({**answer, **({"key": claim} if claim else {})}))

    def _write(self, file: Path, text: str) -> None:
        """Write a file whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".part")
        with partial.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, file)

    def tidy(self) -> None:
        """Remove what only mattered while the job ran. A job that waits for the lock finds the answer."""
        self.lock_file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove the note of a process that has ended."""
        if self.started.exists() and not self.held:
            self.started.unlink(missing_ok=True)

    @property
    def held(self) -> bool:
        """Whether a process works on the job now."""
        if not self.lock_file.exists():
            return False
        lock = self.lock
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def kill(self) -> None:
        """End the process that works on the job, if it is another one on this machine."""
        if not self.started.exists() or not self.held:
            return
        pid, _, host = self.started.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
        if host == socket.gethostname() and pid.isdigit() and int(pid) not in (0, 1, os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def set_aside(folder: Path) -> Path:
    """Give a folder the first free name with a number behind its own, and return it."""
    number = 1
    while (other := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    folder.rename(other)
    return other
