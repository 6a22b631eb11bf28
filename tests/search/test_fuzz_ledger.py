"""Ledgers changed at random: read, or refused in one sentence, and then as they were."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.search.test_foreign_ledger import FACTS, file, make_trial
from uniads.error import UserError
from uniads.search import Account, Ledger, Record

__all__ = ["file"]

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from([10**400, -1, "${x:y}", "_target_"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8
)
MANY = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
pytestmark = pytest.mark.slow


def try_all(path: Path, content: bytes) -> None:
    """Each way to read the file ends well, or in one sentence with the file as it was."""
    path.write_bytes(content)
    for attempt in (Record.of, Account.of, lambda path: Ledger(path, FACTS, force=True)):
        opened: object = None
        refusal = ""
        try:
            opened = attempt(path)
        except UserError as error:
            refusal = str(error)
        if refusal:
            assert "\n" not in refusal
            assert str(path) in refusal
            assert refusal.encode()
            assert path.read_bytes() == content
        if isinstance(opened, Ledger):
            opened.close()
            kept = path.read_bytes()
            assert content.startswith(kept) or kept.startswith(content)
            assert b"\n" not in content[len(kept) :]


@MANY
@given(data=st.data())
def test_bytes(file: Path, data: st.DataObject) -> None:
    if not hasattr(test_bytes, "content"):
        test_bytes.content = file.read_bytes()  # type: ignore[attr-defined]
    content = bytearray(test_bytes.content)  # type: ignore[attr-defined]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "insert", "remove", "double"]))
        if kind == "change":
            content[place] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del content[place:]
        elif kind == "insert":
            content[place:place] = data.draw(
                st.binary(max_size=20) | st.sampled_from([b"\n", b"\r", b"\0" * 9, b"[" * 9999])
            )
        elif kind == "remove":
            del content[place : place + data.draw(st.integers(1, 300))]
        else:
            content[place:place] = content[place : place + data.draw(st.integers(1, 900))]
        if not content:
            break
    try_all(file, bytes(content))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [deeper for key, entry in inner for deeper in places(entry, (*path, key))]


@MANY
@given(data=st.data())
def test_structure(file: Path, data: st.DataObject) -> None:
    if not hasattr(test_structure, "content"):
        test_structure.content = file.read_text()  # type: ignore[attr-defined]
    rows = [json.loads(line) for line in test_structure.content.splitlines()]  # type: ignore[attr-defined]
    for _ in range(data.draw(st.integers(1, 3))):
        *before, last = data.draw(st.sampled_from(places(rows)[1:]))
        place: Any = rows
        try:
            for step in before:
                place = place[step]
            if data.draw(st.booleans()):
                place[last] = data.draw(VALUES)
            else:
                del place[last]
        except (LookupError, TypeError):
            continue  # an earlier change took the place away
    lines = [json.dumps(row) for row in rows]
    try_all(file, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))


def test_the_ledger_that_is_changed_is_read(file: Path) -> None:
    assert len(Record.of(file).trials) == 7
    with closing(Ledger(file, FACTS)) as ledger:
        assert ledger.find(make_trial(0)) == make_trial(0)
