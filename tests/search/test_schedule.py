"""Rungs, quotas, and what they cost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uniads.search.schedule import Full, Halving, Hyperband, Rung, Schedule

some = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def rungs_and_quotas(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    rungs = sorted(draw(st.sets(st.integers(1, 50), min_size=1, max_size=4)))
    quotas = draw(st.lists(st.integers(1, 12), min_size=len(rungs), max_size=len(rungs)))
    return rungs, sorted(quotas, reverse=True)


def counted(schedule: Schedule, candidates: int) -> int:
    """Epochs, one candidate and one rung at a time."""
    epochs = 0
    for first in range(0, candidates, schedule.size(0)):
        alive = min(schedule.size(0), candidates - first)
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
    assert Full(24, 20).size(5) == 20


def test_the_first_quota_is_the_generation() -> None:
    assert Halving([1, 2], [7, 3]).size(1) == 7


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


def test_the_brackets_of_hyperband_are_those_of_its_algorithm() -> None:
    # n = ceil((s_max + 1) / (s + 1) * eta^s) with s_max = 4, by hand.
    schedule = Hyperband(81, eta=3)
    starts = [(81, 1), (34, 3), (15, 9), (8, 27), (5, 81)]
    for number, (size, epochs) in enumerate(starts):
        rungs = [rung for rung in schedule.generation(number) if rung.quota]
        assert rungs[0] == Rung(epochs, size)
        assert [rung.quota for rung in rungs] == [size // 3**step for step in range(len(rungs))]
        assert schedule.size(number) == size
        assert schedule.generation(number + 5) == schedule.generation(number)


def test_a_position_stands_for_one_number_of_epochs_in_all_brackets() -> None:
    schedule = Hyperband(24)
    for number in range(6):
        assert [rung.epochs for rung in schedule.generation(number)] == [3, 8, 24]
    assert [[rung.quota for rung in schedule.generation(number)] for number in range(3)] == [
        [9, 3, 1], [0, 5, 1], [0, 0, 3],
    ]  # fmt: skip


@pytest.mark.parametrize(("candidates", "epochs"), [(9, 58), (14, 114), (17, 186), (34, 372), (11, 58 + 2 * 8 + 16)])
def test_hyperband_counts_resumed_epochs_once(candidates: int, epochs: int) -> None:
    # Brackets: 9 * 3 + 3 * 5 + 1 * 16 = 58; 5 * 8 + 1 * 16 = 56; 3 * 24 = 72.
    assert Hyperband(24).cost(candidates) == epochs


@pytest.mark.parametrize("epochs", range(1, 60))
@pytest.mark.parametrize("eta", [2, 3, 4])
def test_every_bracket_is_a_schedule_of_its_own(epochs: int, eta: int) -> None:
    schedule = Hyperband(epochs, eta)
    stops = [rung.epochs for rung in schedule.rungs]
    assert stops == sorted(set(stops))
    assert stops[0] >= 1
    assert stops[-1] == epochs
    for number in range(len(stops)):
        quotas = [rung.quota for rung in schedule.generation(number)]
        assert quotas[:number] == [0] * number
        assert quotas[number:] == sorted(quotas[number:], reverse=True)
        assert quotas[-1] > 0


@pytest.mark.parametrize(("epochs", "eta"), [(0, 3), (-1, 3), (24, 1), (24, 0)])
def test_a_band_without_epochs_or_halving_is_refused(epochs: int, eta: int) -> None:
    with pytest.raises(ValueError, match="epochs must be above 0 and its eta at least 2, got"):
        Hyperband(epochs, eta)


def test_a_schedule_is_lowered_to_a_shorter_recipe_and_left_alone_by_a_longer_one() -> None:
    paper = Halving([3, 8, 24], [20, 8, 4])
    assert paper.within(24) is paper
    assert paper.within(240) is paper
    assert paper.within(12).rungs == (Rung(2, 20), Rung(4, 8), Rung(12, 4))
    assert paper.within(6).rungs == (Rung(1, 20), Rung(2, 8), Rung(6, 4))
    assert paper.within(2).rungs == (Rung(1, 20), Rung(2, 4))
    assert paper.within(1).rungs == (Rung(1, 20),)
    assert Full(24, 7).within(6).rungs == (Rung(6, 7),)
    assert Full(3, 7).within(6).rungs == (Rung(3, 7),)
    assert Hyperband(24, 3).within(9).rungs == Hyperband(9, 3).rungs


@some
@given(stops=rungs_and_quotas(), epochs=st.integers(1, 40))
def test_a_lowered_schedule_is_as_high_as_allowed_and_starts_as_many(
    stops: tuple[list[int], list[int]], epochs: int
) -> None:
    schedule = Halving(*stops)
    lowered = schedule.within(epochs)
    assert lowered.rungs[-1].epochs == min(epochs, schedule.rungs[-1].epochs)
    assert lowered.size(0) == schedule.size(0)
