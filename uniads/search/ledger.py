"""The ledger: one JSON object a line, fsynced before anything else happens. The only truth about a search."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from uniads.search.space import Weights
from uniads.search.trial import Trial

GROWABLE = {"candidates", "max_epochs", "max_seconds"}
"""Budgets: a resumed search may raise these."""


class Ledger:
    """Trials of one search, in the order in which they ended. Opening an existing file resumes it.

    The first line holds the search's fingerprint. A torn last line, left by a kill, is cut off; a damaged line
    elsewhere is refused, since what follows it can't be trusted.

    Args:
        path: the file, or None to keep the rows in memory only.
        fingerprint: what makes this search this search: space, settings, seed, version.
        force: go on although the file's fingerprint differs.

    Raises:
        ValueError: the file belongs to another search, is damaged, or is in use by another process.
    """

    def __init__(self, path: Path | None = None, fingerprint: Mapping[str, Any] | None = None, force: bool = False):
        self.path = path
        self.trials: list[Trial] = []
        self.weights: list[Weights] = []
        self._known: dict[tuple[str, int], Trial] = {}
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(f"{path}.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(
                f"another search is running in {path.parent}; wait for it, or give this one a directory of its own "
                "with hydra.run.dir=DIR"
            ) from None
        rows = _read(path)
        wanted = json.loads(json.dumps(dict(fingerprint or {})))
        if rows and not force:
            _check(path, rows[0].get("fingerprint", {}), wanted)
        self._file = path.open("a", encoding="utf-8")
        if not rows:
            self._write({"row": "header", "fingerprint": wanted})
        for row in rows[1:]:
            self._remember(row)

    def find(self, trial: Trial) -> Trial | None:
        """The recorded end of this candidate at this rung.

        Raises:
            ValueError: the record of this name has another genome, so the file belongs to another search.
        """
        known = self._known.get((trial.candidate, trial.rung))
        if known and known.genome != trial.genome:
            raise ValueError(f"{self.path} records another genome for {trial.candidate}; it belongs to another search")
        return known

    def append(self, trial: Trial) -> None:
        """Record an ended trial."""
        row = {"row": "trial", **trial.row()}
        if self.path:
            self._write(row)
        self._remember(row)

    def append_weights(self, generation: int, weights: Weights) -> None:
        """Record the sampling weights after a generation; known ones are not written again."""
        if generation < len(self.weights):
            return
        row = {"row": "weights", "generation": generation, "weights": weights}
        if self.path:
            self._write(row)
        self._remember(row)

    def close(self) -> None:
        """Let go of the file and its lock."""
        if self.path:
            self._file.close()
            self._lock.release()

    def _remember(self, row: Mapping[str, Any]) -> None:
        fields = {name: value for name, value in row.items() if name != "row"}
        if row["row"] == "trial":
            trial = Trial.of(fields)
            self.trials.append(trial)
            self._known[trial.candidate, trial.rung] = trial
        elif row["row"] == "weights":
            self.weights.append(tuple(tuple(gene) for gene in fields["weights"]))

    def _write(self, row: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(row, allow_nan=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def read(path: Path) -> tuple[dict[str, Any], list[Trial]]:
    """The fingerprint and the trials of a ledger file, without opening it for writing.

    Raises:
        ValueError: there is no ledger at the path, or it is damaged.
    """
    if not path.is_file():
        raise ValueError(f"no ledger at {path}; a search writes one as ledger.jsonl in its run directory")
    header, *rows = [*_rows(path, path.read_bytes().rpartition(b"\n")[0])] or [{}]
    trials = [Trial.of({k: v for k, v in row.items() if k != "row"}) for row in rows if row["row"] == "trial"]
    return dict(header.get("fingerprint", {})), trials


def _read(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a torn last line is cut off the file."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole, newline, torn = data.rpartition(b"\n")
    if torn:
        with path.open("r+b") as file:
            file.truncate(len(whole) + len(newline))
    return _rows(path, whole)


def _rows(path: Path, whole: bytes) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or "row" not in row:
                raise ValueError("not a row of a ledger")
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number} is damaged ({error}); restore the file from a copy, or cut it before that line"
            ) from None
        rows.append(row)
    return rows


def _check(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name in sorted({*found, *wanted} - GROWABLE):
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{path} belongs to another search: its {name} is {found.get(name)!r}, this one's is "
                f"{wanted.get(name)!r}; use another hydra.run.dir, or search.force=true to go on all the same"
            )
