"""A prior moves a share of random draws near its centres."""

from collections import Counter
from random import Random

import pytest

from uniads.error import UserError
from uniads.search.prior import Prior
from uniads.search.space import Point, SearchSpace, Value

GENES: dict[str, list[Value]] = {"how": ["terms", "a", "b"], "x": [1, 2, 3, 4], "y": ["l", "r"]}
CENTRES: list[Point] = [{"how": "a"}, {"how": "b"}, {"x": 4, "y": "r"}]


def space(prior: Prior | None) -> SearchSpace:
    return SearchSpace(GENES, seeded=["how"], prior=prior)


@pytest.mark.parametrize(("share", "taken"), [(0, 0), (0.25, 15), (1, 60)])
def test_its_share_of_a_design_is_spread_over_the_centres(share: float, taken: int) -> None:
    found = space(Prior(CENTRES, share, keep=1))
    points = [found.point(genome) for genome in found.fill(60, Random(0))]
    how = Counter(point["how"] for point in points)
    assert how["a"] == how["b"] == taken // 3
    if share == 1:
        assert all(point["x"] == 4 and point["y"] == "r" for point in points if point["how"] == "terms")


def test_draws_keep_each_value_of_a_centre_as_often_as_is_said() -> None:
    found, rng = space(Prior(CENTRES[2:], 0.5, keep=0.8)), Random(0)
    points = [found.point(found.draw(rng)) for _ in range(4000)]
    near = 0.5 * 0.8
    assert sum(point["x"] == 4 for point in points) / 4000 == pytest.approx(near + (1 - near) / 4, abs=0.03)
    assert sum(point["y"] == "r" for point in points) / 4000 == pytest.approx(near + (1 - near) / 2, abs=0.03)
    assert {point["how"] for point in points} == {"terms"}  # no centre names it


def test_a_seeded_gene_is_never_half_drawn() -> None:
    found, rng = space(Prior(CENTRES[:2], 1, keep=0)), Random(0)
    assert {found.point(found.draw(rng))["how"] for _ in range(50)} == {"a", "b"}


@pytest.mark.parametrize("prior", [None, Prior((), 0), Prior(CENTRES, 0)])
def test_without_a_share_draws_are_as_without_a_prior(prior: Prior | None) -> None:
    even = space(None)
    assert space(prior).fill(9, Random(3)) == even.fill(9, Random(3))
    assert [space(prior).draw(Random(seed)) for seed in range(9)] == [even.draw(Random(seed)) for seed in range(9)]
    assert space(prior).free_positions == even.free_positions == (1, 2)


@pytest.mark.parametrize(
    ("centres", "share", "message"),
    [
        (CENTRES, 1.5, "the share of a prior must be from 0 to 1, got 1.5"),
        ([], 0.5, "needs a centre"),
        ([{"z": 1}], 0.5, "names the gene 'z'; there are"),
        ([{"x": 9}], 0.5, "'x' may be"),
    ],
)
def test_what_can_be_no_prior_is_refused(centres: list[Point], share: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        space(Prior(centres, share))
