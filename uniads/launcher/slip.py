"""The files that a job leaves in its folder: which process works on it, and its result."""

import json
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from typing_extensions import Self

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """An answer, read.

    Attributes:
        failed: why the training failed; None if it did not.
        reason: why it was stopped as hopeless; None if it was not.
        outcome: the numbers that came back; a loss may be NaN.
        seconds: that it took.
        key: of the candidate; None where nobody claimed the folder.
        notes: what a user should know.
    """

    failed: str | None = None
    reason: str | None = None
    outcome: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    key: str | None = None
    notes: Sequence[str] = ()

    @classmethod
    def of(cls, fields: Any) -> Self:
        """The answer that a JSON object holds. By hand: a schema's library would double the start of a worker.

        Raises:
            ValueError: it is no answer.
            TypeError: likewise.
        """
        told = cls(**fields)
        texts = [text for text in (told.failed, told.reason, told.key) if text is not None]
        numbers = [told.seconds, *told.outcome.values()]
        if not all(isinstance(text, str) for text in [*texts, *told.outcome, *told.notes]):
            raise ValueError("a text is none")
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
            raise ValueError("a number is none")
        if told.failed is None and not {"reason", "outcome", "seconds"} <= fields.keys():
            raise ValueError("it is not complete")
        return told


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
            told = Told.of(json.loads(self.answer.read_text(encoding="utf-8")))
        except (FileNotFoundError, AttributeError, TypeError, ValueError, RecursionError):
            return None
        return told if told.key in (None, self.claim) else None

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
