"""What the estimator is told, and what it makes of it."""

from collections.abc import Sequence

import pytest

from uniads.search import Full, Halving, Measure, Point, Result, SearchSpace, Status, Trial, per_point, search
from uniads.search.algorithm.tpe import TPE, shift_rungs

SPACE = SearchSpace({"a": range(12), "b": ["u", "v", "w"], "c": range(12), "d": range(12)})


def trial(values: Sequence[float], rung: int = 0, status: Status = Status.COMPLETED) -> Trial:
    return Trial("c0000", (0, 0, 0, 0), (), 0, rung, rung + 1, 0, status=status, values=tuple(values))


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a < b for a, b in zip(one, other, strict=True))


def test_every_trial_of_a_higher_rung_dominates_every_one_of_a_lower() -> None:
    trials = [
        trial((0.0, -5.0)),
        trial((3.0, 100.0)),
        trial((9.0, 7.0), 1),
        trial((8.0, 900.0), 2),
        trial((), 2, Status.FAILED),
    ]
    low, also_low, middle, high, failed = shift_rungs(trials)
    assert high == [8.0, 900.0]
    assert dominates(high, middle)
    assert dominates(middle, low)
    assert dominates(middle, also_low)
    assert all(dominates(value, failed) for value in (low, also_low, middle, high))


def test_within_a_rung_values_keep_their_differences() -> None:
    one, other = shift_rungs([trial((1.0, 2.0)), trial((4.0, 0.5)), trial((0.0, 0.0), 1)])[:2]
    assert [b - a for a, b in zip(one, other, strict=True)] == pytest.approx([3.0, -1.5])


def evaluate(point: Point, epochs: int) -> dict[str, float]:
    loss = abs(int(point["a"]) - 8) + abs(int(point["c"]) - 3) + abs(int(point["d"]) - 6) + 5 * (point["b"] != "v")
    return {"val_loss": loss + 1 / epochs, "params": 1 + int(point["a"])}


def searched(schedule: Full | Halving, seed: int) -> Result:
    measures = [Measure("val_loss", reference=40.0), Measure("params", reference=14.0)]
    objective = per_point(SPACE, evaluate)
    return search(SPACE, objective, TPE(SPACE, seed), schedule, measures=measures, candidates=60, seed=seed)


@pytest.mark.parametrize("schedule", [Full(4, 10), Halving([1, 2, 4], [10, 5, 2])], ids=["full", "halving"])
def test_later_candidates_are_better_than_the_first(schedule: Full | Halving) -> None:
    result = searched(schedule, 1)
    losses = [t.values[0] for t in result.at(0)]
    assert sum(losses[-20:]) < 0.8 * sum(losses[:20])
    chosen = [t.genome[1] for t in result.at(0)[-20:]]
    assert chosen.count(1) > 10


def test_it_needs_a_trial_to_start_from() -> None:
    with pytest.raises(ValueError, match=r"search\.algorithm\.startup must be at least 1, got 0"):
        TPE(SPACE, startup=0)
