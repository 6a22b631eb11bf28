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

Answer = Mapping[str, Any]


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

    def read(self) -> dict[str, Any]:
        """The answer.

        Raises:
            MissingFileError: there is none.
        """
        answer: dict[str, Any] = json.loads(self.answer.read_text())
        return answer

    def write(self, answer: Answer) -> None:
        """Leave the answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.answer.with_suffix(".part")
        with partial.open("w") as file:
            file.write(json.dumps(answer))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.answer)

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
        pid, _, host = self.started.read_text().strip().partition(" ")
        if host == socket.gethostname() and int(pid) != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
