"""Rungs, quotas, and what they cost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uniads.search.schedule import Full, Halving, Rung, Schedule

some = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def rungs_and_quotas(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    rungs = sorted(draw(st.sets(st.integers(1, 50), min_size=1, max_size=4)))
    quotas = draw(st.lists(st.integers(1, 12), min_size=len(rungs), max_size=len(rungs)))
    return rungs, sorted(quotas, reverse=True)


def counted(schedule: Schedule, candidates: int) -> int:
    """Epochs, one candidate and one rung at a time."""
    epochs = 0
    for first in range(0, candidates, schedule.offspring):
        alive = min(schedule.offspring, candidates - first)
        for position, rung in enumerate(schedule.rungs):
            alive = min(alive, rung.quota)
            epochs += sum(rung.epochs - (schedule.rungs[position - 1].epochs if position else 0) for _ in range(alive))
    return epochs


@pytest.mark.parametrize(
    ("schedule", "epochs"),
    [
        (Halving([3, 8, 24], [20, 8, 4]), 1640),
        (Halving([3, 8, 24], [20, 6, 2]), 1220),
        (Full(24, 20), 4800),
        (Full(240, 20), 48_000),
        (Halving([3], [20]), 600),
    ],
)
def test_two_hundred_candidates_cost_what_the_paper_says(schedule: Schedule, epochs: int) -> None:
    assert schedule.cost(200) == epochs


@some
@given(stops=rungs_and_quotas(), candidates=st.integers(0, 60))
def test_the_cost_is_the_sum_over_candidates_and_rungs(stops: tuple[list[int], list[int]], candidates: int) -> None:
    schedule = Halving(*stops)
    assert schedule.cost(candidates) == counted(schedule, candidates)


def test_a_last_generation_that_is_smaller_fills_the_upper_rungs_first() -> None:
    # Of five candidates, all are trained to 3 epochs and to 8, four to 24.
    assert Halving([3, 8, 24], [20, 8, 4]).cost(5) == 5 * 3 + 5 * 5 + 4 * 16


def test_a_full_schedule_has_one_rung_for_all() -> None:
    assert Full(24, 20).rungs == (Rung(24, 20),)
    assert Full(24, 20).offspring == 20


def test_the_first_quota_is_the_generation() -> None:
    assert Halving([1, 2], [7, 3]).offspring == 7


@pytest.mark.parametrize("rungs", [[], [0, 3], [-1, 2], [3, 3], [8, 3], [1, 2, 2]])
def test_rungs_that_do_not_rise_are_refused(rungs: list[int]) -> None:
    with pytest.raises(ValueError, match=r"rungs must be epochs above 0 that rise strictly, got \[.*try \[3, 8, 24\]"):
        Halving(rungs, [4] * len(rungs))


@pytest.mark.parametrize("quotas", [[], [20], [20, 8, 4], [8, 20], [4, 0], [4, -1]])
def test_quotas_that_rise_or_do_not_match_the_rungs_are_refused(quotas: list[int]) -> None:
    with pytest.raises(ValueError, match="one count above 0 for each of the 2 rungs, never rising, got"):
        Halving([3, 8], quotas)


@pytest.mark.parametrize(("epochs", "offspring"), [(0, 20), (-1, 20), (24, 0), (24, -2)])
def test_a_full_schedule_needs_epochs_and_candidates(epochs: int, offspring: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        Full(epochs, offspring)
