"""A search killed again and again ends as if nobody had touched it. Run as a script, this file is the victim."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from random import Random as Generator

import pytest

from uniads.search import NSGA2, Halving, Ledger, Measure, Point, Rejection, Result, SearchSpace, Shrinkage, per_point
from uniads.search import search as run_search

KILLS = 22
ROW = 400  # bytes, about
SPACE = SearchSpace({**{f"n{i}": range(8) for i in range(3)}, "kind": list("abcdefgh")})
MEASURES = (Measure("val_loss", reference=200.0), Measure("params", target=7.0, reference=4.0))


def slow(point: Point, epochs: int) -> Mapping[str, float]:
    """One millisecond of training."""
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


def tormented(path: Path) -> list[int]:
    """Start the search and kill it, at random moments, until it has been killed often enough; then let it end.

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
        if len(sizes) == KILLS:
            assert os.waitpid(child, 0)[1] == 0
            return sizes
        enough = size(path) + rng.randrange(12 * ROW)
        while size(path) < enough:
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "the search ended before it was killed"
            time.sleep(0.0002)
        time.sleep(rng.uniform(0, 0.003))
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        sizes.append(size(path))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_search_killed_at_random_moments_ends_with_the_same_ledger_and_front(tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm.jsonl", tmp_path / "killed.jsonl"
    command = [sys.executable, __file__, str(calm), str(killed)]
    sizes = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    assert killed.read_bytes() == calm.read_bytes()
    assert len(sizes) == KILLS >= 20
    assert sizes == sorted(sizes)
    assert max(sizes) < size(calm)
    assert len(set(sizes)) > KILLS / 2
    result, resumed = searched(calm), searched(killed)
    assert resumed == result
    assert resumed.front == result.front != []
    assert killed.read_bytes() == calm.read_bytes()


if __name__ == "__main__":
    calm, killed = map(Path, sys.argv[1:])
    searched(calm)
    sys.stdout.write(json.dumps(tormented(killed)))
