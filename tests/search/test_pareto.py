"""Pareto order against its definition."""

from itertools import pairwise
from math import inf, isclose, nan
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uniads.search import pareto
from uniads.search.pareto import Values
from uniads.search.trial import Status, Trial

some = settings(deadline=None, max_examples=80, derandomize=True)


def trial(values: Values, genome: tuple[int, ...] = (0,), rung: int = 0) -> Trial:
    return Trial("c", genome, (), 0, rung, 1, 0, status=Status.COMPLETED, values=values)


def trials(values: list[Values]) -> list[Trial]:
    return [trial(value, (position,)) for position, value in enumerate(values)]


@st.composite
def clouds(draw: st.DrawFn, least: int = 0, measures: tuple[int, ...] = (1, 2, 3)) -> list[Values]:
    """Points with many ties (a coarse grid) or few."""
    width = draw(st.sampled_from(measures))
    number = draw(st.sampled_from([st.integers(0, 4).map(float), st.floats(-1e6, 1e6)]))
    return draw(st.lists(st.tuples(*[number] * width), min_size=least, max_size=25))


def dominates(one: Values, other: Values) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def fronts(values: list[Values]) -> list[int]:
    """The front of each point, from 0, by peeling off what nobody left dominates."""
    rank = dict.fromkeys(range(len(values)), -1)
    left, level = set(rank), 0
    while left:
        now = {i for i in left if not any(dominates(values[j], values[i]) for j in left)}
        rank |= dict.fromkeys(now, level)
        left -= now
        level += 1
    return list(rank.values())


def volume(values: list[Values], reference: Values) -> float:
    """The dominated volume, cell by cell of the grid that the points span."""
    if not reference:
        return float(bool(values))
    cuts = [*sorted({value[0] for value in values if value[0] < reference[0]}), reference[0]]
    return sum((b - a) * volume([v[1:] for v in values if v[0] <= a], reference[1:]) for a, b in pairwise(cuts))


@some
@given(values=clouds())
def test_better_fronts_come_first(values: list[Values]) -> None:
    ranking = pareto.order(values, list(range(len(values))))
    assert sorted(ranking) == list(range(len(values)))
    rank = fronts(values)
    assert [rank[i] for i in ranking] == sorted(rank)


@some
@given(values=clouds(least=1), seed=st.integers(0, 99))
def test_the_order_depends_on_values_and_ties_only(values: list[Values], seed: int) -> None:
    items = list(enumerate(values))
    shuffled = Random(seed).sample(items, len(items))

    def ranked(pairs: list[tuple[int, Values]]) -> list[tuple[int, Values]]:
        return [pairs[i] for i in pareto.order([value for _, value in pairs], [tie for tie, _ in pairs])]

    assert ranked(items) == ranked(shuffled)


def test_within_a_front_lonely_points_come_first() -> None:
    values = [(0.0, 10.0), (1.0, 9.0), (2.0, 8.0), (9.0, 1.0), (10.0, 0.0)]
    # Sides of the box around each inner point: 2 + 2 for the second, 8 + 8 for the third and fourth.
    assert pareto.order(values, range(5)) == [0, 4, 2, 3, 1]


def test_equal_points_are_ordered_by_their_ties() -> None:
    assert pareto.order([(1.0, 1.0)] * 4, [(3, 1), (2, 9), (2, 8), (9, 0)]) == [2, 1, 0, 3]
    twins = [(0.0, 4.0), (1.0, 1.0), (1.0, 1.0), (4.0, 0.0)]
    assert pareto.order(twins, [0, 7, 5, 1]) == [0, 3, 2, 1]


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_values_that_are_not_finite_are_never_sorted(bad: float) -> None:
    with pytest.raises(ValueError, match="only finite values can be sorted"):
        pareto.order([(1.0, 2.0), (bad, 1.0)], [0, 1])


def test_values_of_different_rungs_are_never_compared() -> None:
    with pytest.raises(ValueError, match="different rungs are never compared"):
        pareto.best([trial((1.0,), rung=0), trial((2.0,), rung=1)], 1)
    with pytest.raises(ValueError, match="different rungs are never compared"):
        pareto.front([trial((1.0,), rung=0), trial((2.0,), rung=1)])


def test_nothing_sorts_to_nothing() -> None:
    assert pareto.order([], []) == []
    assert pareto.best([], 3) == []
    assert pareto.front([]) == []
    assert pareto.knee([]) is None
    assert pareto.hypervolume([], (1.0, 1.0)) == 0


@some
@given(values=clouds(least=1), n=st.integers(0, 30))
def test_the_best_are_the_head_of_the_order(values: list[Values], n: int) -> None:
    known = trials(values)
    ranking = pareto.order(values, [t.genome for t in known])
    assert pareto.best(known, n) == [known[i] for i in ranking[:n]]


@some
@given(values=clouds(least=1))
def test_the_front_holds_each_undominated_value_once(values: list[Values]) -> None:
    found = [t.values for t in pareto.front(trials(values))]
    assert found == sorted({v for v in values if not any(dominates(other, v) for other in values)})


def test_of_copies_the_front_keeps_the_first_genome() -> None:
    copies = [trial((1.0, 1.0), (5,)), trial((1.0, 1.0), (2,)), trial((1.0, 1.0), (7,))]
    assert [t.genome for t in pareto.front(copies)] == [(2,)]


@pytest.mark.parametrize(
    ("values", "reference", "expected"),
    [
        ([(1.0, 1.0)], (2.0, 3.0), 2.0),
        ([(0.0, 2.0), (1.0, 1.0), (2.0, 0.0)], (3.0, 3.0), 6.0),
        ([(0.0, 2.0), (1.0, 1.0), (2.0, 0.0), (2.0, 2.0)], (3.0, 3.0), 6.0),
        ([(0.0, 0.0), (5.0, -9.0)], (1.0, 1.0), 1.0),
        ([(1.0, 1.0)], (1.0, 2.0), 0.0),
        ([(0.25,), (0.5,)], (1.0,), 0.75),
        ([(0.0, 0.0, 0.0), (-1.0, 0.5, 0.5)], (1.0, 1.0, 1.0), 1.25),
    ],
)
def test_hypervolume_of_worked_examples(values: list[Values], reference: Values, expected: float) -> None:
    assert pareto.hypervolume(values, reference) == pytest.approx(expected)


@some
@given(values=clouds(least=1, measures=(2, 3)))
def test_hypervolume_is_the_volume_of_the_union_of_boxes(values: list[Values]) -> None:
    reference = (5.0,) * len(values[0])
    inside = [value for value in values if max(value) < 5]
    assert isclose(pareto.hypervolume(values, reference), volume(inside, reference), rel_tol=1e-9)


@some
@given(values=clouds(least=2, measures=(2,)))
def test_hypervolume_never_falls_when_a_point_joins(values: list[Values]) -> None:
    fewer, all_of_them = (pareto.hypervolume(v, (3.0, 3.0)) for v in (values[1:], values))
    assert all_of_them >= fewer * (1 - 1e-9)


def test_the_knee_is_nearest_to_the_ideal_after_scaling() -> None:
    known = trials([(0.0, 1000.0), (0.1, 200.0), (0.5, 100.0), (1.0, 0.0), (1.0, 900.0)])
    knee = pareto.knee(known)
    assert knee is not None
    assert knee.values == (0.1, 200.0)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_the_knee_does_not_depend_on_units(scale: float) -> None:
    knee = pareto.knee(trials([(0.0, 10.0 * scale), (0.4, 4.0 * scale), (1.0, 0.0)]))
    assert knee is not None
    assert knee.genome == (1,)


def test_a_front_of_one_is_its_own_knee() -> None:
    only = trial((1.0, 2.0))
    assert pareto.knee([only]) == only
