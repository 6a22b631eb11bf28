"""The ledger: one JSON object a line, fsynced before anything else happens. The only truth about a search."""

import gzip
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from uniads.error import UserError
from uniads.search.space import Weights
from uniads.search.trial import Trial

GROWABLE = {"candidates", "max_epochs", "max_seconds", "max_failures"}
"""Budgets: a resumed search may raise these."""
ADDED = {"switches"}
"""Entries of a fingerprint that follow from others. Files of earlier versions lack them and can still be resumed."""

Entry = Trial | tuple[int, Weights]
"""What a line after the first holds: a trial, or a generation's number and the weights after it."""


class Ledger:
    """Trials of one search, in the order in which they ended. Opening an existing file resumes it.

    The first line holds the search's fingerprint. A torn last line, left by a kill, is cut off; a damaged line
    elsewhere is refused, since what follows it can't be trusted.

    Args:
        path: the file, or None to keep the rows in memory only.
        fingerprint: what makes this search this search: space, settings, seed, version.
        force: go on although the file's fingerprint differs.

    Raises:
        UserError: the file belongs to another search, is damaged, or is in use by another process.
    """

    def __init__(self, path: Path | None = None, fingerprint: Mapping[str, Any] | None = None, force: bool = False):
        self.path = path
        self.trials: list[Trial] = []
        self.weights: list[Weights] = []
        self._known: dict[tuple[str, int], Trial] = {}
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path)
        try:
            self._open(path, json.loads(json.dumps(dict(fingerprint or {}))), force)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, path: Path, wanted: Mapping[str, Any], force: bool) -> None:
        found, entries = _repaired(path)
        if found is not None and not force:
            _check(path, found, wanted)
        self._file = path.open("ab", buffering=0)
        if found is None:
            self._write({"row": "header", "fingerprint": wanted})
        for entry in entries:
            self._remember(entry)

    def find(self, trial: Trial) -> Trial | None:
        """The recorded end of this candidate at this rung.

        Raises:
            UserError: the record of this name has another genome, so the file belongs to another search.
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
        """Record the sampling weights after a generation; known ones are not written again, other ones replace them."""
        if self.weights[generation : generation + 1] == [weights]:
            return
        if self.path:
            self._write({"row": "weights", "generation": generation, "weights": weights})
        self._remember((generation, weights))

    def close(self) -> None:
        """Let go of the file and its lock."""
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
    """The fingerprint and the trials of a ledger file, without opening it for writing. It may end in ``.gz``.

    Raises:
        UserError: there is no ledger at the path, or it is damaged.
    """
    return read_all(path)[:2]


def read_all(path: Path) -> tuple[dict[str, Any], list[Trial], list[Weights]]:
    """Like ``read``, with the sampling weights after each generation.

    Raises:
        UserError: there is no ledger at the path, or it is damaged.
    """
    if not path.is_file():
        raise UserError(f"no ledger at {path}; a search writes one as ledger.jsonl in its run directory")
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    found, entries = _parsed(path, data.rpartition(b"\n")[0])
    weights: list[Weights] = []
    for entry in entries:
        if not isinstance(entry, Trial):
            weights[entry[0] :] = [entry[1]]
    return found or {}, [entry for entry in entries if isinstance(entry, Trial)], weights


def _locked(path: Path) -> FileLock:
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"another search is running in {path.parent}; wait for it, or give this one a directory of its own "
            "with hydra.run.dir=DIR"
        ) from None
    return lock


def _repaired(path: Path) -> tuple[dict[str, Any] | None, list[Entry]]:
    """What the file holds; a torn last line is cut off it."""
    if not path.exists():
        return None, []
    data = path.read_bytes()
    whole, newline, torn = data.rpartition(b"\n")
    if torn:
        with path.open("r+b") as file:
            file.truncate(len(whole) + len(newline))
    return _parsed(path, whole)


def _parsed(path: Path, whole: bytes) -> tuple[dict[str, Any] | None, list[Entry]]:
    """The fingerprint, None where there is not even a header, and what follows it."""
    fingerprint: dict[str, Any] | None = None
    entries: list[Entry] = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            if fingerprint is None:
                fingerprint = _fields(line, "header")["fingerprint"]
            else:
                entries.append(_entry(_fields(line, "trial", "weights")))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path}, line {number} is damaged ({error}); restore the file from a copy, or cut it before that line"
            ) from None
    return fingerprint, entries


def _fields(line: bytes, *kinds: str) -> dict[str, Any]:
    row = json.loads(line)
    if not isinstance(row, dict) or row.pop("row", None) not in kinds:
        raise UserError(f"no {' or '.join(kinds)}")
    return row


def _entry(fields: Mapping[str, Any]) -> Entry:
    if "weights" in fields:
        return fields["generation"], tuple(tuple(gene) for gene in fields["weights"])
    return Trial.of(fields)


def _check(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name in sorted({*found, *wanted} - GROWABLE - (ADDED - set(found))):
        if found.get(name) != wanted.get(name):
            raise UserError(
                f"{path} belongs to another search: its {name} is {found.get(name)!r}, this one's is "
                f"{wanted.get(name)!r}; use another hydra.run.dir, or search.force=true to go on all the same"
            )
