"""The ledger of a search: a file with one JSON object a line. A result is on the disk before the search uses it.

Everything that is known of a search is read from its ledger.
"""

import gzip
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from uniads.error import UserError
from uniads.search.rows import Entry, Header, parse_rows
from uniads.search.space import Weights
from uniads.search.trial import Trial

GROWABLE = {"candidates", "max_epochs", "max_seconds", "max_failures"}
"""Budgets: a resumed search may raise these."""
ADDED = {"switches"}
"""Entries of a fingerprint that files of format 0 lack. They follow from the others, so such a file can be resumed."""


class Ledger:
    """Trials of one search, in the order in which they ended. Opening an existing file resumes it.

    The first line holds the format of the file and the search's fingerprint. A process that is killed can leave a torn
    last line, which is cut off. A file with any other damaged line is refused, since its later lines can't be trusted.

    Args:
        path: the file, or None to keep the rows in memory only.
        fingerprint: what distinguishes this search from others: space, settings, seed, version; see ``fingerprint``.
        force: go on although the file's fingerprint differs.

    Raises:
        UserError: the file belongs to another search, is damaged, was written by a newer version, or is in use by
            another process.
    """

    def __init__(self, path: Path | None = None, fingerprint: Mapping[str, Any] | None = None, force: bool = False):
        self.path = path
        self.trials: list[Trial] = []
        self.weights: list[Weights] = []
        self._known: dict[tuple[str, int], Trial] = {}
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
        header, entries = _read_whole_lines(path)
        if header is not None and not force:
            _check_fingerprint(path, header, wanted)
        self._file = path.open("ab", buffering=0)
        if header is None:
            self._write(Header(wanted).row())
        for entry in entries:
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
        """
        if self.path:
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

    def _write(self, row: Mapping[str, Any]) -> None:
        line = (json.dumps(row, allow_nan=False) + "\n").encode()
        before = os.fstat(self._file.fileno()).st_size
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
    if not path.is_file():
        raise UserError(f"no ledger at {path}; a search writes one as ledger.jsonl in its run directory")
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    header, entries = parse_rows(path, content.rpartition(b"\n")[0])
    weights: list[Weights] = []
    for entry in entries:
        if not isinstance(entry, Trial):
            generation, generation_weights = entry
            weights[generation:] = [generation_weights]
    return header.fingerprint if header else {}, [entry for entry in entries if isinstance(entry, Trial)], weights


def _acquire_lock(path: Path) -> FileLock:
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"another search is running in {path.parent}; wait for it, or give this one a directory of its own "
            "with hydra.run.dir=DIR"
        ) from None
    return lock


def _read_whole_lines(path: Path) -> tuple[Header | None, list[Entry]]:
    """The header and the entries of a file; there are none if it does not exist. A torn last line is cut off."""
    if not path.exists():
        return None, []
    content = path.read_bytes()
    lines, newline, torn = content.rpartition(b"\n")
    if torn:
        with path.open("r+b") as file:
            file.truncate(len(lines) + len(newline))
    return parse_rows(path, lines)


def _check_fingerprint(path: Path, header: Header, wanted: Mapping[str, Any]) -> None:
    """Check that a file belongs to the search that opens it."""
    recorded = header.fingerprint
    names = {*recorded, *wanted} - GROWABLE
    if header.format == 0:
        names -= ADDED
    for name in sorted(names):
        if recorded.get(name) != wanted.get(name):
            raise UserError(
                f"{path} belongs to another search: its {name} is {recorded.get(name)!r}, this one's is "
                f"{wanted.get(name)!r}; use another hydra.run.dir, or search.force=true to go on all the same"
            )
