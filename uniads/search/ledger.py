"""The ledger of a search: a file with one JSON object a line. A result is on the disk before the search uses it.

Everything that is known of a search is read from its ledger.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from uniads.error import DirectoryError, UserError
from uniads.search.belonging import check_fingerprint
from uniads.search.coherence import Coherence
from uniads.search.content import read_content, read_whole_lines
from uniads.search.rows import Entry, Header, spell_row
from uniads.search.space import Weights
from uniads.search.trial import Trial


class Ledger:
    """Trials of one search, in the order in which they ended. Opening an existing file resumes it.

    The first line holds the format of the file and the search's fingerprint. A process that is killed can leave a torn
    last line, which is cut off once all others have been read. A file with any other damaged line is refused, since its
    later lines can't be trusted, and stays as it is.

    Args:
        path: the file, or None to keep the rows in memory only.
        fingerprint: what distinguishes this search from others: space, settings, seed, version; see ``fingerprint``.
        force: go on although the file's fingerprint differs.

    Raises:
        DirectoryError: the file belongs to another search, is damaged, was written by a newer version, or is in use by
            another process.
    """

    def __init__(self, path: Path | None = None, fingerprint: Mapping[str, Any] | None = None, force: bool = False):
        self.path = path
        self.trials: list[Trial] = []
        self.weights: list[Weights] = []
        self._known: dict[tuple[str, int], Trial] = {}
        self._coherence = Coherence({})
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _acquire_lock(path)
        try:
            self._open(path, json.loads(json.dumps(dict(fingerprint or {}))), force)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, path: Path, wanted: dict[str, Any], force: bool) -> None:
        content, kept = read_whole_lines(path, Header(wanted))
        self._coherence = content.coherence
        if content.header is not None:
            check_fingerprint(path, content.header, wanted, force)
        if path.exists() and path.stat().st_size > kept:
            os.truncate(path, kept)
        self._file = path.open("ab", buffering=0)
        self._length = os.fstat(self._file.fileno()).st_size
        if content.header is None:
            self._coherence = Coherence(wanted)
            self._write(Header(wanted).row())
        for entry in content.entries:
            self._remember(entry)

    def find(self, trial: Trial) -> Trial | None:
        """The recorded trial of this candidate at this rung.

        Raises:
            UserError: the recorded candidate of this name has another genome, so the file belongs to another search.
        """
        known = self._known.get(trial.slot)
        if known and known.genome != trial.genome:
            raise UserError(f"{self.path} records another genome for {trial.candidate}; it belongs to another search")
        return known

    def append(self, trial: Trial) -> None:
        """Record an ended trial.

        Raises:
            OSError: the disk is full; the file is as it was before.
            DirectoryError: the file was deleted, shortened or replaced since it was opened, or contradicts the trial.
        """
        if self.path:
            self._check_coherence(trial)
            self._write({"row": "trial", **trial.row()})
        self._remember(trial)

    def append_weights(self, generation: int, weights: Weights) -> None:
        """Record the sampling weights after a generation.

        Weights that are recorded already are not written again. Other weights of the same generation replace them.
        """
        if self.weights[generation : generation + 1] == [weights]:
            return
        if self.path:
            self._write({"row": "weights", "generation": generation, "weights": weights})
        self._remember((generation, weights))

    def close(self) -> None:
        """Close the file and release its lock."""
        if self.path:
            self._file.close()
            self._lock.release()

    def _remember(self, entry: Entry) -> None:
        if isinstance(entry, Trial):
            self.trials.append(entry)
            self._known[entry.slot] = entry
        else:
            generation, weights = entry
            self.weights[generation:] = [weights]

    def _check_coherence(self, trial: Trial) -> None:
        try:
            self._coherence.add(trial, len(self.trials) + len(self.weights) + 2)
        except ValueError as error:
            raise DirectoryError(
                f"{self.path} can't record {trial.candidate} at rung {trial.rung} ({error}); its search was another "
                "one, so use another hydra.run.dir"
            ) from None

    def _write(self, row: Mapping[str, Any]) -> None:
        line = spell_row(row)
        before = os.fstat(self._file.fileno()).st_size
        self._check_untouched(before)
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(before)
            raise OSError(
                f"{self.path} can't be written: {error.strerror}; its rows are whole, so make room and go on with the "
                "same command and the same directory"
            ) from error
        self._length = os.fstat(self._file.fileno()).st_size

    def _check_untouched(self, length: int) -> None:
        """Check that the file at the path is still the one that was opened, and as long as it was left.

        Raises:
            DirectoryError: it is not.
        """
        assert self.path is not None
        own = os.fstat(self._file.fileno())
        try:
            there = self.path.stat()
        except OSError:
            change = "was deleted or moved"
        else:
            if (there.st_ino, there.st_dev) == (own.st_ino, own.st_dev) and length == self._length:
                return
            other = (there.st_ino, there.st_dev) != (own.st_ino, own.st_dev)
            change = "was replaced" if other else f"has {length:,} bytes instead of {self._length:,}"
        raise DirectoryError(
            f"{self.path} {change} while its search was running, so the search stops and writes nothing more; restore "
            "the file from a copy and go on with the same command, or search anew in another hydra.run.dir"
        )


def read(path: Path) -> tuple[dict[str, Any], list[Trial]]:
    """The fingerprint and the trials of a ledger file. The file is not changed; its name may end in ``.gz``.

    Raises:
        UserError: there is no ledger at the path, or it is damaged, or was written by a newer version.
    """
    return read_all(path)[:2]


def read_all(path: Path) -> tuple[dict[str, Any], list[Trial], list[Weights]]:
    """Like ``read``, with the sampling weights after each generation.

    Raises:
        UserError: there is no ledger at the path, or it is damaged, or was written by a newer version.
    """
    read = read_content(path)
    weights: list[Weights] = []
    for entry in read.entries:
        if not isinstance(entry, Trial):
            generation, generation_weights = entry
            weights[generation:] = [generation_weights]
    fingerprint = read.header.fingerprint if read.header else {}
    return fingerprint, [entry for entry in read.entries if isinstance(entry, Trial)], weights


def _acquire_lock(path: Path) -> FileLock:
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DirectoryError(
            f"another search is running in {path.parent}; wait for it, or give this one a directory of its own "
            "with hydra.run.dir=DIR"
        ) from None
    return lock
