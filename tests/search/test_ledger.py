"""The ledger survives kills, refuses damage, and belongs to one search in one process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from uniads.error import UserError
from uniads.search.ledger import Ledger, read
from uniads.search.trial import Status, Trial

FINGERPRINT = {"space": {"x": [1, 2], "y": ["b", "a"]}, "seed": 0, "candidates": 20}
WEIGHTS = ((1.0, 0.25), (0.1, 1 / 3))
TRIALS = [
    Trial("c0000", (0, 1), ("x=1", "y=b"), 0, 0, 3, 77).completed({"val_loss": 1 / 3, "params": 10, "epochs": 3}),
    Trial("c0001", (1, 1), ("x=2", "y=b"), 0, 0, 3, 78).rejected("val_loss is nan", {"epochs": 0.25}, 1.5),
    Trial("c0002", (1, 0), ("x=2", "y='ä \\'\"'"), 0, 0, 3, 79).failed("OSError: disk\nfull"),
    Trial("c0000", (0, 1), ("x=1", "y=b"), 0, 1, 8, 77, start=3).completed({"val_loss": 0.1, "epoch_flops": 1e9}),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "ledger.jsonl"


@pytest.fixture
def written(path: Path) -> Path:
    """A file with a header, four trials and a row of weights."""
    with closing(Ledger(path, FINGERPRINT)) as ledger:
        for trial in TRIALS:
            ledger.append(trial)
        ledger.append_weights(0, WEIGHTS)
    return path


@pytest.fixture
def other_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the ledger."""
    code = (
        "import sys; from pathlib import Path; from uniads.search import Ledger;"
        "ledger = Ledger(Path(sys.argv[1]), {}); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_every_row_is_readable_as_soon_as_it_is_appended(path: Path) -> None:
    with closing(Ledger(path, FINGERPRINT)) as ledger:
        assert read(path) == (FINGERPRINT, [])
        for known in range(1, len(TRIALS) + 1):
            ledger.append(TRIALS[known - 1])
            assert read(path) == (FINGERPRINT, TRIALS[:known])


def test_rows_are_synced_to_the_disk_before_append_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr("os.fsync", lambda _: synced.append(path.read_bytes()))
    with closing(Ledger(path, FINGERPRINT)) as ledger:
        for trial in TRIALS:
            ledger.append(trial)
        ledger.append_weights(0, WEIGHTS)
    assert synced[-1] == path.read_bytes()
    assert [content.count(b"\n") for content in synced] == list(range(1, len(TRIALS) + 3))


def test_the_rows_have_the_documented_keys(written: Path) -> None:
    header, *rows = [json.loads(line) for line in written.read_text().splitlines()]
    assert header == {"row": "header", "format": 1, "fingerprint": FINGERPRINT}
    keys = {"candidate", "genome", "overrides", "rung", "epochs", "seed", "status", "reason", "outcome", "seconds"}
    assert all(keys | {"flops"} <= set(row) for row in rows[: len(TRIALS)])
    assert [row["status"] for row in rows[: len(TRIALS)]] == ["completed", "rejected", "failed", "completed"]
    assert rows[0]["outcome"] == {"val_loss": 1 / 3, "params": 10, "epochs": 3}


def test_an_opened_ledger_holds_what_was_written(written: Path) -> None:
    content = written.read_bytes()
    with closing(Ledger(written, FINGERPRINT)) as ledger:
        assert ledger.trials == TRIALS
        assert ledger.weights == [WEIGHTS]
        assert [ledger.find(trial) for trial in TRIALS] == TRIALS
        ledger.append_weights(0, WEIGHTS)
    assert written.read_bytes() == content


def test_new_weights_of_a_known_generation_replace_the_old(written: Path) -> None:
    changed = ((0.5, 1.0), (1.0, 1.0))
    with closing(Ledger(written, FINGERPRINT)) as ledger:
        ledger.append_weights(0, changed)
    with closing(Ledger(written, FINGERPRINT)) as ledger:
        assert ledger.weights == [changed]


def test_a_record_in_memory_answers_like_one_in_a_file(written: Path) -> None:
    memory = Ledger()
    for trial in TRIALS:
        memory.append(trial)
    memory.append_weights(0, WEIGHTS)
    memory.close()
    with closing(Ledger(written, FINGERPRINT)) as file:
        assert (memory.trials, memory.weights) == (file.trials, file.weights)
    assert memory.find(TRIALS[0]) == TRIALS[0]
    assert memory.find(Trial("c0009", (0, 0), (), 0, 0, 3, 1)) is None


@pytest.mark.parametrize("rows", [1, 4, len(TRIALS) + 2], ids=["header", "trial", "weights"])
def test_a_last_line_torn_anywhere_is_repaired(written: Path, rows: int) -> None:
    whole = b"".join(written.read_bytes().splitlines(keepends=True)[:rows])
    kept = whole[: whole[:-1].rfind(b"\n") + 1]
    for cut in range(len(kept), len(whole)):
        written.write_bytes(whole[:cut])
        with closing(Ledger(written, FINGERPRINT)) as ledger:
            assert ledger.trials == TRIALS[: max(rows - 2, 0)]
            assert rows == 1 or written.read_bytes() == kept
            if 2 <= rows <= len(TRIALS) + 1:
                ledger.append(TRIALS[rows - 2])
            elif rows > 1:
                ledger.append_weights(0, WEIGHTS)
        assert written.read_bytes() == whole


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\0" * 40,
        b"\xff\xfe",
        b"[]",
        b"7",
        b'"row"',
        b"{}",
        b'{"row": "trial"}',
        b'{"row": "trial", "candidate": "c0000"}',
        b'{"row": "tr1al", "candidate": "c0000"}',
        b'{"row": "weights"}',
        b'{"row": "weights", "generation": 0, "weights": 3}',
        b'{"row": "header", "fingerprint": {}}',
        b'{"row": "trial", "genome": [0, 1], "overr',
    ],
)
@pytest.mark.parametrize("number", [2, 4])
def test_a_damaged_line_is_refused_by_its_number(written: Path, damage: bytes, number: int) -> None:
    lines = written.read_bytes().splitlines()
    lines[number - 1] = damage
    content = b"\n".join(lines) + b"\n"
    written.write_bytes(content)
    for opened in (
        lambda: Ledger(written, FINGERPRINT),
        lambda: Ledger(written, {}, force=True),
        lambda: read(written),
    ):
        with pytest.raises(ValueError, match=rf"ledger\.jsonl, line {number} is damaged \(.*restore the file"):
            opened()
    assert written.read_bytes() == content


def replace_header(path: Path, **fields: object) -> bytes:
    """Write other fields into the header, and drop those that are None. Returns the new content."""
    header, *rows = path.read_text().splitlines()
    changed = {name: value for name, value in (json.loads(header) | fields).items() if value is not None}
    path.write_text("\n".join([json.dumps(changed), *rows]) + "\n")
    return path.read_bytes()


def test_a_ledger_of_a_newer_format_is_refused(written: Path) -> None:
    content = replace_header(written, format=2)
    message = r"ledger\.jsonl has the ledger format 2, this version reads formats 0 to 1; install a newer uniads"
    with pytest.raises(UserError, match=message):
        Ledger(written, FINGERPRINT, force=True)
    with pytest.raises(UserError, match=message):
        read(written)
    assert written.read_bytes() == content


@pytest.mark.parametrize("number", ["1", 1.0, True, -1, []])
def test_a_format_that_is_no_whole_number_is_damage(written: Path, number: object) -> None:
    replace_header(written, format=number)
    with pytest.raises(UserError, match=r"line 1 is damaged \(no format"):
        read(written)


def test_a_ledger_without_a_format_is_read_and_resumed(written: Path) -> None:
    before = replace_header(written, format=None)
    assert read(written) == (FINGERPRINT, TRIALS)
    new = Trial("c0003", (0, 0), ("x=1", "y=a"), 0, 0, 3, 80).completed({"val_loss": 0.2})
    # Switches follow from the rest of the fingerprint, so a file without them can be of the same search.
    with closing(Ledger(written, FINGERPRINT | {"switches": []})) as ledger:
        assert ledger.trials == TRIALS
        ledger.append(new)
    assert written.read_bytes().startswith(before)
    assert read(written) == (FINGERPRINT, [*TRIALS, new])
    with pytest.raises(UserError, match="its seed is 0, this one's is 1"):
        Ledger(written, FINGERPRINT | {"seed": 1})


def test_a_ledger_of_this_format_with_other_switches_is_of_another_search(written: Path) -> None:
    with pytest.raises(UserError, match="its switches is None"):
        Ledger(written, FINGERPRINT | {"switches": []})


def test_a_file_without_its_header_is_refused(written: Path) -> None:
    written.write_bytes(b"".join(written.read_bytes().splitlines(keepends=True)[1:]))
    for opened in (lambda: Ledger(written, FINGERPRINT, force=True), lambda: read(written)):
        with pytest.raises(ValueError, match="line 1 is damaged"):
            opened()


@pytest.mark.parametrize(
    "changed",
    [{"seed": 1}, {"space": {"x": [1, 3], "y": ["b", "a"]}}, {"version": "2"}],
    ids=["value", "nested", "new"],
)
def test_the_ledger_of_another_search_is_refused_unless_forced(written: Path, changed: dict[str, object]) -> None:
    (name,) = changed
    with pytest.raises(ValueError, match=rf"belongs to another search: its {name} is .*force=true") as refused:
        Ledger(written, FINGERPRINT | changed)
    assert refused.value.__traceback__ is not None
    # A refused ledger is let go of, so forcing works where the refusal was caught.
    with closing(Ledger(written, FINGERPRINT | changed, force=True)) as ledger:
        assert ledger.trials == TRIALS


@pytest.mark.parametrize("changed", [{"candidates": 200}, {"max_epochs": 9}, {"max_seconds": 60.0}])
def test_budgets_may_be_raised(written: Path, changed: dict[str, object]) -> None:
    with closing(Ledger(written, FINGERPRINT | changed)) as ledger:
        assert ledger.trials == TRIALS


def test_fingerprints_are_compared_as_json(path: Path) -> None:
    for _ in range(2):
        Ledger(path, {"rungs": (3, 8), "spare": ("student.",)}).close()
    Ledger(path, {"rungs": [3, 8], "spare": ["student."]}).close()


def test_a_name_with_another_genome_is_refused(written: Path) -> None:
    with (
        closing(Ledger(written, FINGERPRINT)) as ledger,
        pytest.raises(ValueError, match="records another genome for c0000; it belongs to another search"),
    ):
        ledger.find(Trial("c0000", (1, 1), (), 0, 0, 3, 77))


def test_a_second_search_in_the_directory_is_refused_until_the_first_ends(
    path: Path, other_process: subprocess.Popen[str]
) -> None:
    with pytest.raises(ValueError, match=r"another search is running in .*run; wait for it, or .*hydra\.run\.dir"):
        Ledger(path, {})
    assert read(path) == ({}, [])
    other_process.kill()
    other_process.wait()
    Ledger(path, {}).close()


def test_a_second_ledger_in_one_process_is_refused_until_the_first_is_closed(path: Path) -> None:
    with closing(Ledger(path, {})), pytest.raises(ValueError, match="another search is running"):
        Ledger(path, {})
    Ledger(path, {}).close()


def test_reading_where_there_is_no_ledger_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no ledger at .*nothing\.jsonl; a search writes one"):
        read(tmp_path / "nothing.jsonl")


def test_reading_changes_nothing_and_skips_a_torn_line(written: Path) -> None:
    content = written.read_bytes()[:-9]
    written.write_bytes(content)
    assert read(written) == (FINGERPRINT, TRIALS)
    assert written.read_bytes() == content


def test_numbers_come_back_to_the_last_bit(path: Path) -> None:
    values = [0.1 + 0.2, 1e-310, 2**53 + 1, -0.0, 1e308]
    trial = TRIALS[0].completed({f"n{i}": value for i, value in enumerate(values)})
    with closing(Ledger(path)) as ledger:
        ledger.append(trial)
    found = list(read(path)[1][0].outcome.values())
    assert list(map(repr, found)) == list(map(repr, values))
    assert read(path)[1][0].status is Status.COMPLETED
