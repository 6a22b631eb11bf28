"""The ledger of a search: a file with one JSON object a line. A result is on the disk before the search uses it.

Everything that is known of a search is read from its ledger.
"""

import gzip
import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from uniads.error import DirectoryError, UserError
from uniads.search.coherence import Coherence
from uniads.search.rows import Content, Entry, Header, parse_rows, shorten, spell_row, split_lines
from uniads.search.space import Weights
from uniads.search.trial import Trial

GROWABLE = {"candidates", "max_epochs", "max_seconds", "max_failures"}
"""Budgets: a resumed search may raise these."""
ADDED = {0: {"switches"}}
"""Entries of a fingerprint that files of a format lack. They follow from the others, so such a file can be resumed."""
LATER = {"teacher", "images"}
"""Entries that headers of format 1 need not have: earlier releases did not write them."""
SHAPE = {"space": "genes", "minimised": "measures", "rung_epochs": "rungs"}
"""Entries that say which rows a file may hold, so that no force goes beyond them."""


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
        content, kept = _read_whole_lines(path, Header(wanted))
        self._coherence = content.coherence
        if content.header is not None:
            _check_fingerprint(path, content.header, wanted, force)
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
            DirectoryError: the file was deleted, shortened or replaced since it was opened, or the trial contradicts it.
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
                f"{self.path} can't record {trial.candidate} at rung {trial.rung} ({error}); its search was another one, "
                "so use another hydra.run.dir"
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
            f"{self.path} {change} while its search was running, so the search stops and writes nothing more; restore the "
            "file from a copy and go on with the same command, or search anew in another hydra.run.dir"
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
    if not path.is_file():
        raise UserError(f"no ledger at {path}; a search writes one as ledger.jsonl in its run directory")
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path} is no whole gzip file ({error}); restore it from a copy") from None
    lines, torn = split_lines(content)
    _check_torn(path, lines, torn)
    read = parse_rows(path, lines)
    if read.header is None and torn:
        raise UserError(_no_line_feed(path))
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


def _read_whole_lines(path: Path, wanted: Header) -> tuple[Content, int]:
    """What a file holds, nothing if it does not exist, and how many bytes of it are whole lines.

    Raises:
        DirectoryError: it is damaged, is no ledger, or was written by a newer version.
    """
    content = path.read_bytes() if path.exists() else b""
    lines, torn = split_lines(content)
    try:
        if not lines and not spell_row(wanted.row()).startswith(torn):  # else this search was killed as it began
            raise UserError(_no_line_feed(path))
        _check_torn(path, lines, torn)
        return parse_rows(path, lines), len(content) - len(torn)
    except UserError as error:
        raise DirectoryError(str(error)) from None


def _no_line_feed(path: Path) -> str:
    return (
        f"{path}, line 1 has no line feed at its end, so it is no ledger, or its lines were changed; restore the file from "
        "a copy, or use another hydra.run.dir"
    )


def _check_torn(path: Path, lines: list[bytes], torn: bytes) -> None:
    """Check that what stands after the last line feed is what a killed process leaves: the beginning of one row.

    Raises:
        UserError: it is more than that, so that nothing may be cut off.
    """
    rest = torn.rstrip(b"\0")  # a machine that lost its power may leave zeros
    begin = b'{"row": "'
    excess = b"\r" in rest or not (begin.startswith(rest) or rest.startswith(begin))
    if not excess and lines:
        with suppress(ValueError, RecursionError):
            excess = json.JSONDecoder().raw_decode(rest.decode())[1] < len(rest.decode())
    if excess and lines:
        raise UserError(
            f"{path}, line {len(lines) + 1} has no line feed at its end and is not the beginning of a row, as a killed "
            "search leaves it; restore the file from a copy, or cut it before that line"
        )


def _check_fingerprint(path: Path, header: Header, wanted: Mapping[str, Any], force: bool) -> None:
    """Check that a file belongs to the search that opens it."""
    recorded = header.fingerprint
    names = {*recorded, *wanted} - GROWABLE - ADDED.get(header.format, set()) - (LATER - recorded.keys())
    for name in sorted(names):
        if recorded.get(name) == wanted.get(name):
            continue
        if not force:
            raise DirectoryError(
                f"{path} belongs to another search: its {name} is {shorten(repr(recorded.get(name)))}, this one's is "
                f"{shorten(repr(wanted.get(name)))}; use another hydra.run.dir, or search.force=true to go on all the same"
            )
        if name in SHAPE and _shape(name, recorded) != _shape(name, wanted):
            raise DirectoryError(
                f"{path} belongs to a search with other {SHAPE[name]}, so that not even search.force=true can go on with "
                "it; use another hydra.run.dir"
            )


def _shape(name: str, fingerprint: Mapping[str, Any]) -> Any:
    """What rows depend on: epochs themselves, of a space how many values each gene has, of measures how many."""
    entry = fingerprint.get(name)
    if isinstance(entry, Mapping):
        return [len(values) if isinstance(values, list) else values for values in entry.values()]
    return len(entry) if name == "minimised" and isinstance(entry, list) else entry
