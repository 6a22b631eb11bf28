"""Small searches of formulas, as ledgers: what reports have to cope with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from uniads.search import Full, Ledger, Measure, Point, Random, Schedule, SearchSpace, per_point, search
from uniads.search.account import fingerprint

LOSS, SIZE = Measure("val_loss", reference=2.302585092994046), Measure("params", target=3000)


def evaluate(point: Point, epochs: int) -> dict[str, float]:
    """A loss that falls with a, which costs parameters."""
    a = float(str(point["a"]))
    return {"val_loss": 2.3 - 0.1 * a / epochs, "val_acc1": 0.1, "params": 1000 * (a + 1)}


def record(
    directory: Path,
    space: Mapping[str, Sequence[Any]],
    function: Callable[[Point, int], Mapping[str, float]] = evaluate,
    measures: Sequence[Measure] = (LOSS, SIZE),
    schedule: Schedule | None = None,
    candidates: int = 4,
    **facts: Any,
) -> Path:
    """Search, and leave a ledger in the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    searched = SearchSpace(dict(space))
    ledger = Ledger(directory / "ledger.jsonl", fingerprint(searched, measures, **facts))
    search(
        searched, per_point(searched, function), Random(searched), schedule or Full(2, candidates),
        measures=measures, candidates=candidates, ledger=ledger, max_failures=1.0,
    )  # fmt: skip
    ledger.close()
    return directory
