"""Sampling weights follow the formula and never fall below the floor."""

from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uniads.search.shrink import Shrinkage
from uniads.search.space import Genome, SearchSpace
from uniads.search.trial import Status, Trial

some = settings(deadline=None, max_examples=60, derandomize=True)
SPACE = SearchSpace({"student.width": [0.5, 1, 2], "distance": ["kl", "l2", "hard"], "tau": [1, 4]})
genomes = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1))


def trial(genome: Genome, rung: int = 0, status: Status = Status.COMPLETED) -> Trial:
    return Trial("c", genome, (), 0, rung, rung + 1, 0, start=rung, status=status)


def climb(genome: Genome, top: int) -> list[Trial]:
    return [trial(genome, rung) for rung in range(top + 1)]


def test_the_weights_of_a_worked_example() -> None:
    # kl: seen 2, promoted 2, rate 3/4. l2: seen 2, promoted 0, rate 1/4. hard: never seen, rate 1/2. Mean 1/2.
    # tau: 1 was seen 2, promoted 1, rate 2/4; 4 the same.
    trials = [*climb((0, 0, 0), 2), *climb((1, 0, 1), 1), *climb((1, 1, 0), 0), *climb((2, 1, 1), 0)]
    assert Shrinkage().weights(SPACE, trials) == ((1.0, 1.0, 1.0), (1.5, 0.5, 1.0), (1.0, 1.0))


def test_a_hopeless_value_keeps_the_floor() -> None:
    bad = [trial((0, 1, 0), status=Status.REJECTED)] * 1
    bad += [trial((width, 1, tau), status=Status.REJECTED) for width in range(3) for tau in range(2)]
    good = [t for width in range(3) for tau in range(2) for t in climb((width, 0, tau), 1)]
    weights = Shrinkage(floor=0.4).weights(SPACE, [*bad, *good])
    # Rates 7/8, 1/8, 1/2; mean 1/2.
    assert weights[1] == (1.75, 0.4, 1.0)


@some
@given(
    tops=st.dictionaries(genomes, st.integers(0, 2)),
    floor=st.floats(0.01, 1),
    spare=st.sampled_from([(), ("student.",), ("student.", "tau")]),
)
def test_every_weight_is_the_relative_rate_or_the_floor(
    tops: dict[Genome, int], floor: float, spare: tuple[str, ...]
) -> None:
    trials = [t for genome, top in tops.items() for t in climb(genome, top)]
    weights = Shrinkage(floor, spare).weights(SPACE, trials)
    halved = any(tops.values())
    for position, dimension in enumerate(SPACE.dimensions):
        if any(dimension.key.startswith(prefix) for prefix in spare):
            assert weights[position] == (1.0,) * len(dimension.values)
            continue
        rates = []
        for level in range(len(dimension.values)):
            having = [top for genome, top in tops.items() if genome[position] == level]
            rates.append((sum(top > 0 for top in having) + 1 if halved else len(having) + 1) / (len(having) + 2))
        mean = sum(rates) / len(rates)
        assert weights[position] == pytest.approx([max(floor, rate / mean) for rate in rates])
        assert min(weights[position]) >= floor


def test_without_halving_those_that_complete_count_as_promoted() -> None:
    kept = [trial((width, 0, 0)) for width in range(3)]
    thrown = [trial((width, 1, 1), status=Status.REJECTED) for width in range(3)]
    _, distance, tau = Shrinkage().weights(SPACE, [*kept, *thrown])
    assert distance[0] > distance[2] > distance[1]
    assert tau[0] > tau[1]


def test_before_any_trial_all_values_weigh_the_same() -> None:
    assert Shrinkage(spare=()).weights(SPACE, []) == ((1.0,) * 3, (1.0,) * 3, (1.0,) * 2)


@pytest.mark.parametrize("floor", [0, -0.1, 1.01, nan])
def test_a_floor_that_could_kill_or_raise_a_value_is_refused(floor: float) -> None:
    with pytest.raises(ValueError, match=r"search\.shrinkage\.floor must be above 0 and at most 1, got"):
        Shrinkage(floor)
