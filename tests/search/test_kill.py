"""A search killed again and again ends as if nobody had touched it. Run as a script, this file is the victim."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from random import Random as Generator

import pytest

from uniads.search import NSGA2, Halving, Ledger, Measure, Point, Rejection, Result, SearchSpace, Shrinkage, per_point
from uniads.search import search as run_search
from uniads.search.ledger import read

try:
    import resource
except ImportError:  # Windows
    resource = None

ROW = 400  # bytes, about
SPACE = SearchSpace({**{f"n{i}": range(8) for i in range(3)}, "kind": list("abcdefgh")})
MEASURES = (Measure("val_loss", reference=200.0), Measure("params", target=7.0, reference=4.0))


def slow(point: Point, epochs: int) -> Mapping[str, float]:
    """One millisecond of training, noted in a file before it begins."""
    with open(os.environ["UNIADS_TEST_COUNT"], "a") as file:
        file.write(f"{json.dumps(point)} {epochs}\n")
    time.sleep(0.001)
    numbers = [int(point[f"n{i}"]) for i in range(3)]
    return {"val_loss": sum((n - 3) ** 2 for n in numbers) + ord(str(point["kind"])) / epochs, "params": sum(numbers)}


def searched(path: Path) -> Result:
    with closing(Ledger(path, {"seed": 1})) as ledger:
        return run_search(
            SPACE,
            per_point(SPACE, slow),
            NSGA2(SPACE, seed=1, population=8),
            Halving([1, 2, 4], [12, 6, 3]),
            measures=MEASURES,
            candidates=144,
            rejection=Rejection(mad_factor=3.0),
            shrinkage=Shrinkage(),
            ledger=ledger,
        )


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def tormented(path: Path, kills: int, rows: float) -> list[int]:
    """Start the search and kill it, at random moments, until it has been killed often enough; then let it end.

    Args:
        path: of the ledger.
        kills: how often.
        rows: at most how many rows are written between two kills.

    Returns:
        The sizes of the ledger at the kills.
    """
    rng = Generator(0)
    sizes: list[int] = []
    while True:
        child = os.fork()
        if child == 0:
            searched(path)
            os._exit(0)
        if len(sizes) == kills:
            assert os.waitpid(child, 0)[1] == 0
            return sizes
        enough = size(path) + rng.randrange(int(rows * ROW))
        while size(path) < enough:
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "the search ended before it was killed"
            time.sleep(0.0002)
        time.sleep(rng.uniform(0, 0.003))
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        sizes.append(size(path))


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where evaluations are noted."""
    monkeypatch.setenv("UNIADS_TEST_COUNT", str(tmp_path / "count.txt"))
    return tmp_path / "count.txt"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.parametrize(("kills", "rows"), [(22, 12), pytest.param(100, 1.5, marks=pytest.mark.slow)])
def test_a_search_killed_at_random_moments_ends_with_the_same_ledger_and_front(
    kills: int, rows: float, tmp_path: Path, counted: Path
) -> None:
    calm, killed = tmp_path / "calm.jsonl", tmp_path / "killed.jsonl"
    searched(calm)
    once = Counter(counted.read_text().splitlines())
    counted.unlink()
    command = [sys.executable, __file__, str(killed), str(kills), str(rows)]
    sizes = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout)
    assert killed.read_bytes() == calm.read_bytes()
    assert len(sizes) == kills >= 20
    assert sizes == sorted(sizes)
    assert max(sizes) < size(calm)
    assert len(set(sizes)) > kills / 3
    # Only what was in progress at a kill, or not yet on the disk, is evaluated again: one trial a kill.
    repeated = Counter(counted.read_text().splitlines()) - once
    assert sum(once.values()) == len(read(calm)[1])
    assert sum(repeated.values()) <= kills
    result, resumed = searched(calm), searched(killed)
    assert resumed == result
    assert resumed.front == result.front != []
    assert killed.read_bytes() == calm.read_bytes()


@pytest.mark.usefixtures("counted")
def test_a_ledger_cut_at_any_byte_is_continued_to_the_same_one(tmp_path: Path) -> None:
    calm, cut = tmp_path / "calm.jsonl", tmp_path / "cut.jsonl"
    searched(calm)
    whole = calm.read_bytes()
    for length in Generator(0).sample(range(len(whole)), 6):
        cut.write_bytes(whole[:length])
        searched(cut)
        assert cut.read_bytes() == whole


@pytest.mark.skipif(resource is None, reason="limits the size of files")
def test_on_a_full_disk_a_search_stops_in_a_sentence_and_goes_on_later(tmp_path: Path, counted: Path) -> None:
    calm, path = tmp_path / "calm.jsonl", tmp_path / "full.jsonl"
    searched(calm)
    counted.unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (10_000, 33_333, 60_001):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(OSError, match=r"full\.jsonl can't be written: File too large; its rows are whole, so"):
                searched(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        rows = path.read_bytes()
        assert room - 3 * ROW < len(rows) <= room
        assert calm.read_bytes().startswith(rows)
        assert rows.endswith(b"\n")
    searched(path)
    assert path.read_bytes() == calm.read_bytes()
    assert len(counted.read_text().splitlines()) == len(read(calm)[1]) + 3


if __name__ == "__main__":
    killed, kills, rows = sys.argv[1:]
    sys.stdout.write(json.dumps(tormented(Path(killed), int(kills), float(rows))))
