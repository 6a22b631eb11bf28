"""Whether a ledger file belongs to the search that opens it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uniads.error import DirectoryError
from uniads.search.rows import Header, shorten

GROWABLE = {"candidates", "max_epochs", "max_seconds", "max_failures"}
"""Budgets: a resumed search may raise these."""
ADDED = {0: {"switches"}}
"""Entries of a fingerprint that files of a format lack. They follow from the others, so such a file can be resumed."""
LATER = {"teacher", "images"}
"""Entries that headers of format 1 need not have: earlier releases did not write them."""
SHAPE = {"space": "genes", "minimised": "measures", "rung_epochs": "rungs"}
"""Entries that say which rows a file may hold, so that no force goes beyond them."""


def check_fingerprint(path: Path, header: Header, wanted: Mapping[str, Any], force: bool) -> None:
    """Check that a file belongs to the search that opens it.

    Raises:
        DirectoryError: it belongs to another search, and ``force`` is false, or no force helps.
    """
    recorded = header.fingerprint
    names = {*recorded, *wanted} - GROWABLE - ADDED.get(header.format, set()) - (LATER - recorded.keys())
    for name in sorted(names):
        if recorded.get(name) == wanted.get(name):
            continue
        if not force:
            raise DirectoryError(
                f"{path} belongs to another search: its {name} is {_spell(recorded.get(name))}, this one's is "
                f"{_spell(wanted.get(name))}; use another hydra.run.dir, or search.force=true to go on all the same"
            )
        if name in SHAPE and _shape(name, recorded) != _shape(name, wanted):
            raise DirectoryError(
                f"{path} belongs to a search with other {SHAPE[name]}, so that not even search.force=true can go on "
                "with it; use another hydra.run.dir"
            )


def _spell(entry: Any) -> str:
    return shorten(repr(entry), 200)


def _shape(name: str, fingerprint: Mapping[str, Any]) -> Any:
    """What rows depend on: epochs themselves, of a space how many values each gene has, of measures how many."""
    entry = fingerprint.get(name)
    if isinstance(entry, Mapping):
        return [len(values) if isinstance(values, list) else values for values in entry.values()]
    return len(entry) if name == "minimised" and isinstance(entry, list) else entry
