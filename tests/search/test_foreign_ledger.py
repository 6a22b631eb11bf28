"""Ledgers from elsewhere: refused in one sentence that names file, line and field, and left as they are."""

import gzip
import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from uniads.error import DirectoryError, UserError
from uniads.search import Account, Ledger, Measure, Record, SearchSpace, Trial, fingerprint
from uniads.search.ledger import read

SPACE = SearchSpace({"x": [1, 2, 3], "y": ["a", "b"]})
FACTS = fingerprint(SPACE, [Measure("val_loss"), Measure("params", 10)], rung_epochs=[2, 6], overrides=["epochs=6"])
Rows = list[dict[str, Any]]


def make_trial(number: int, rung: int = 0) -> Trial:
    genome = (number % 3, number // 3)
    start, epochs = ((0, 2), (2, 6))[rung]
    trial = Trial(f"c{number:04d}", genome, SPACE.overrides(genome), 0, rung, epochs, 7 + number, start)
    ended = trial.completed({"val_loss": 1.0 / (1 + number), "params": 10 + number}, 1.5)
    return Trial(**{**ended.__dict__, "values": (1.0 / (1 + number), number / 10)})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger of five trials at the first rung and two at the second."""
    path = tmp_path / "ledger.jsonl"
    with closing(Ledger(path, FACTS)) as ledger:
        for trial in [*map(make_trial, range(5)), make_trial(0, 1), make_trial(1, 1)]:
            ledger.append(trial)
        ledger.append_weights(0, ((1.0, 0.5, 0.5), (1.0, 0.25)))
    return path


def assert_refused(path: Path, match: str, opens: bool = True) -> None:
    """Reading and resuming refuse the file in one sentence, and leave it as it is."""
    content = path.read_bytes()
    attempts: list[Callable[[], object]] = [lambda: Record.of(path)]
    if opens:
        attempts += [lambda: Ledger(path, FACTS), lambda: Ledger(path, FACTS, force=True)]
    for attempt in attempts:
        with pytest.raises(UserError, match=match) as refused:
            attempt()
        assert "\n" not in str(refused.value)
        assert path.name in str(refused.value)
    assert path.read_bytes() == content


def change(rows: Rows, line: int, **fields: Any) -> None:
    rows[line - 1].update(fields)


CHANGES: dict[str, tuple[Callable[[Rows], object], str]] = {
    "gene above": (lambda r: change(r, 3, genome=[3, 0]), r"line 3 .*genome\.0: .*from 0 to 2, got 3"),
    "gene below": (lambda r: change(r, 3, genome=[-1, 0]), r"line 3 .*genome\.0: .*got -1"),
    "gene missing": (lambda r: change(r, 3, genome=[1]), "line 3 .*genome: it has 1 genes"),
    "gene of text": (lambda r: change(r, 3, genome=["1", 0]), r"line 3 .*genome\.0: "),
    "gene of truth": (lambda r: change(r, 3, genome=[True, 0]), r"line 3 .*genome\.0: "),
    "other genome": (lambda r: change(r, 7, genome=[1, 0]), "line 7 .*genome: c0000 has .* in line 2"),
    "epochs": (lambda r: change(r, 4, epochs=3), "line 4 .*epochs: rung 0 has 2, got 3"),
    "rung": (lambda r: change(r, 4, rung=2), "line 4 .*rung: it must be from 0 to 1, got 2"),
    "start": (lambda r: change(r, 7, start=7), "line 7 .*start: it must be at most epochs=6, got 7"),
    "twice": (lambda r: r.insert(6, r[1] | {"values": [9.0, 0.0]}), "line 7 .*c0000 at rung 0 stands in line 2"),
    "status": (lambda r: change(r, 2, status="pending"), "line 2 .*status: .*got 'pending'"),
    "outcome": (lambda r: change(r, 2, outcome={"val_loss": "low"}), r"line 2 .*outcome\.val_loss"),
    "huge": (lambda r: change(r, 2, outcome={"val_loss": 10**400}), r"line 2 .*outcome\.val_loss"),
    "seconds": (lambda r: change(r, 2, seconds=-1.0), "line 2 .*seconds"),
    "values": (lambda r: change(r, 2, values=[1.0]), "line 2 .*values: this ledger minimises 2 numbers, got 1"),
    "failed values": (lambda r: change(r, 2, status="failed"), "line 2 .*values: a trial that is failed has none"),
    "missing": (lambda r: r[1].pop("seed"), "line 2 .*seed: field required"),
    "weights": (lambda r: change(r, 9, weights=[[1, 1], [1, 1]]), r"line 9 .*weights: .*\[3, 2\]"),
    "weights below": (lambda r: change(r, 9, weights=[[1, 1, -1], [1, 1]]), r"line 9 .*weights\.0\.2"),
    "weights late": (lambda r: change(r, 9, generation=5), "line 9 .*generation"),
    "newer": (lambda r: change(r, 2, energy=3.0), "line 2 was written by a newer version .*energy.*install"),
    "newer header": (lambda r: change(r, 1, host="a"), "line 1 was written by a newer version .*host"),
    "second header": (lambda r: r.insert(3, r[0]), "line 4 .*row"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_row_is_refused_by_line_and_field(file: Path, name: str) -> None:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    modify, match = CHANGES[name]
    modify(rows)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert_refused(file, match)
    if "newer" in name:
        with pytest.raises(UserError) as refused:
            read(file)
        assert "cut" not in str(refused.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_that_json_or_a_float_does_not_have_are_refused(file: Path, number: str) -> None:
    file.write_text(file.read_text().replace('"val_loss": 1.0', f'"val_loss": {number}', 1))
    assert_refused(file, "line 2 is damaged")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"\n", b" "),
        lambda content: content.replace(b"\n", b"\r"),
        lambda content: content.replace(b"\n", b"\r").replace(b"\r", b"\n", 1),
        lambda content: content.replace(b"\n", b"\r").replace(b"\r", b"\n", 3),
        lambda content: content[:-1] + content,
        lambda content: b"not a ledger",
        lambda content: b"not a ledger\nat all\n",
        lambda content: b"\x89PNG\r\n\x1a\n" + bytes(100),
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.decode().encode("utf-16"),
        lambda content: content.replace(b'"seconds"', b'"seed"', 1),
        lambda content: content + b'{"row": "trial", "outcome": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        lambda content: content + b"[" * 100_000 + b"\n",
        lambda content: content + content.splitlines()[2] + content.splitlines()[3],
        lambda content: content + b"3.5",
        lambda content: content[200:],
    ],
)  # fmt: skip
def test_bytes_that_are_no_ledger_are_refused_and_stay(file: Path, change: Callable[[bytes], bytes]) -> None:
    file.write_bytes(change(file.read_bytes()))
    assert_refused(file, "line |no ledger")


def test_line_ends_of_windows_are_read(file: Path) -> None:
    before = read(file)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert read(file) == before


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ({"space": {"x": 3}}, r"line 1, space\.x"),
        ({"space": {"x": [], "y": [1]}}, r"line 1.*space\.x|line 2"),
        ({"space": {"x": [1, 1, 2], "y": ["a", "b"]}}, "line 1.*twice"),
        ({"switches": [{"key": "z", "values": [1], "idle": ["x"]}]}, "line 1"),
        ({"switches": 3}, "line 1, switches"),
        ({"minimised": [{"name": "val_loss", "target": "pair"}, {"name": "params"}]}, r"line 1, minimised\.0\.target"),
        ({"minimised": [{"name": "val_loss", "target": -3.0}, {"name": "params", "target": 3}]}, "line 1"),
        ({"rung_epochs": "26"}, "line 1, rung_epochs"),
        ({"overrides": {"_target_": "os.system"}}, "line 1, overrides"),
        ({"recipe_epochs": [6]}, "line 1, recipe_epochs"),
    ],
)  # fmt: skip
def test_a_header_of_other_types_is_refused(file: Path, entry: dict[str, Any], match: str) -> None:
    header, *rows = file.read_text().splitlines()
    fields = json.loads(header)
    fields["fingerprint"] |= {"switches": [], "minimised": fields["fingerprint"]["minimised"]} | entry
    file.write_text("\n".join([json.dumps(fields), *rows]) + "\n")
    with pytest.raises(UserError, match=match) as refused:
        Account.of(file)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("cut", [1, 30, -5])
def test_a_cut_gzip_file_is_refused(file: Path, cut: int) -> None:
    packed = file.with_name("ledger.jsonl.gz")
    packed.write_bytes(gzip.compress(file.read_bytes())[:cut])
    assert_refused(packed, "gzip", opens=False)


def test_only_a_beginning_of_a_row_is_cut_off(file: Path) -> None:
    content = file.read_bytes()
    for torn in (
        content.splitlines()[2][:50],
        content.splitlines()[2],
        b"\0" * 30,
        content.splitlines()[2][:9] + b"\0",
    ):
        file.write_bytes(content + torn)
        assert read(file)[1] == [*map(make_trial, range(5)), make_trial(0, 1), make_trial(1, 1)]
        Ledger(file, FACTS).close()
        assert file.read_bytes() == content


@pytest.mark.parametrize("what", ["deleted", "replaced", "shortened", "emptied", "lengthened", "no directory"])
def test_a_ledger_that_changes_while_its_search_runs_stops_it(tmp_path: Path, what: str) -> None:
    file = tmp_path / "run" / "ledger.jsonl"
    with closing(Ledger(file, FACTS)) as ledger:
        for number in range(3):
            ledger.append(make_trial(number))
        content = file.read_bytes()
        if what == "deleted":
            file.unlink()
        elif what == "replaced":
            file.with_name("copy").write_bytes(content)
            os.replace(file.with_name("copy"), file)
        elif what == "no directory":
            for each in file.parent.iterdir():
                each.unlink()
            file.parent.rmdir()
        else:
            size = {"shortened": len(content) - 20, "emptied": 0, "lengthened": len(content) + 3}[what]
            os.truncate(file, size)
        there = file.read_bytes() if file.exists() else None
        for append in (lambda: ledger.append(make_trial(3)), lambda: ledger.append_weights(0, ((1, 1, 1), (1, 1)))):
            with pytest.raises(DirectoryError, match=r"ledger\.jsonl (was|has) .*the search stops"):
                append()
        assert (file.read_bytes() if file.exists() else None) == there


def test_a_trial_that_contradicts_the_ledger_is_not_written(file: Path) -> None:
    content = file.read_bytes()
    with closing(Ledger(file, FACTS)) as ledger, pytest.raises(DirectoryError, match="can't record c0000 at rung 0"):
        ledger.append(make_trial(0))
    assert file.read_bytes() == content


def test_no_force_mixes_searches_of_other_shapes(file: Path) -> None:
    for name, entry in (("genes", {"space": {"x": [1, 2]}}), ("rungs", {"rung_epochs": [1, 3]})):
        with pytest.raises(DirectoryError, match=f"other {name}, so that not even search.force"):
            Ledger(file, FACTS | entry, force=True)
