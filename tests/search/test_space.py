"""Genomes, points and overrides are three spellings of one candidate."""

import subprocess
import sys
from collections import Counter
from random import Random

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from uniads.error import UserError
from uniads.search.space import Dimension, Point, SearchSpace, Value, spell

some = settings(deadline=None, max_examples=60, derandomize=True)
# Values are drawn here and spaces made in the tests: a checked call draws from Python's global generator.
numbers = st.one_of(st.integers(-99, 999), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(numbers, st.booleans(), st.none(), st.text("abkl_ .,:='\"\\[]{}$~+-/0e19", max_size=6))
seeds = st.integers(0, 2**32)


def identity_of(value: Value) -> tuple[bool, Value]:
    """What makes two values different: True is not 1, but 1.0 is."""
    return isinstance(value, bool), value


dimensions = st.dictionaries(
    st.text("abc", min_size=1, max_size=3),
    st.lists(scalars, min_size=1, max_size=6, unique_by=identity_of),
    min_size=1,
    max_size=5,
)


def even(point: Point) -> Point:
    """Odd numbers are illegal; the next lower one stands in."""
    return {key: int(value) - int(value) % 2 for key, value in point.items()}


@some
@given(listed=dimensions, seed=seeds)
def test_a_genome_comes_back_from_its_point(listed: dict[str, list[Value]], seed: int) -> None:
    space = SearchSpace(listed)
    genome = space.draw(Random(seed))
    assert space.genome(space.point(genome)) == genome


@some
@given(listed=dimensions, seed=seeds)
def test_hydra_reads_the_point_from_the_overrides(listed: dict[str, list[Value]], seed: int) -> None:
    space = SearchSpace(listed)
    genome = space.draw(Random(seed))
    read = OverridesParser.create().parse_overrides(list(space.overrides(genome)))
    found = {override.get_key_element(): override.value() for override in read}
    point = space.point(genome)
    assert found == point
    assert [type(value) for value in found.values()] == [type(value) for value in point.values()]


@some
@given(listed=dimensions, seed=seeds)
def test_different_genomes_have_different_overrides(listed: dict[str, list[Value]], seed: int) -> None:
    space = SearchSpace(listed)
    one, other = space.draw(Random(seed)), space.draw(Random(seed + 1))
    assert (space.overrides(one) == space.overrides(other)) == (one == other)


def test_ordinary_values_are_spelled_as_a_user_would_type_them() -> None:
    typed = {"a": ["kl"], "b": [0.5], "c": [1], "d": [True], "e": [None], "f": ["scale_r2"]}
    space = SearchSpace(typed)
    assert space.overrides((0,) * 6) == ("a=kl", "b=0.5", "c=1", "d=true", "e=null", "f=scale_r2")
    assert spell("lr", 1e-5) == "lr=1e-05"


@some
@given(values=st.lists(numbers, min_size=1, unique=True))
def test_numbers_are_kept_in_ascending_order(values: list[float]) -> None:
    dimension = Dimension("x", tuple(values))
    assert dimension.ordinal
    assert dimension.values == tuple(sorted(values))


@pytest.mark.parametrize("values", [("b", "a"), (True, False), (3, None, 1), (2, "a", 1), (1, True)])
def test_categories_keep_the_order_given(values: tuple[Value, ...]) -> None:
    dimension = Dimension("x", values)
    assert not dimension.ordinal
    assert dimension.values == values


@some
@given(n=st.integers(1, 40), levels=st.lists(st.integers(1, 9), min_size=1, max_size=5), seed=seeds)
def test_fill_uses_each_value_about_equally_often(n: int, levels: list[int], seed: int) -> None:
    space = SearchSpace({f"k{position}": range(count) for position, count in enumerate(levels)})
    genomes = space.fill(n, Random(seed))
    assert len(genomes) == n
    for position, count in enumerate(levels):
        uses = Counter(genome[position] for genome in genomes)
        assert {uses[level] for level in range(count)} <= {n // count, -(-n // count)}


def test_fill_shuffles_the_genes_apart() -> None:
    space = SearchSpace({"a": range(10), "b": range(10)})
    genomes = space.fill(10, Random(0))
    assert genomes != sorted(genomes)
    assert any(genome[0] != genome[1] for genome in genomes)


@some
@given(seed=seeds, n=st.integers(0, 30))
def test_every_draw_is_legal(seed: int, n: int) -> None:
    space = SearchSpace({"a": range(5), "b": range(6)}, even)
    legal = set(space.every())
    assert legal == {(a, b) for a in (0, 2, 4) for b in (0, 2, 4)}
    rng = Random(seed)
    assert {space.draw(rng) for _ in range(n)} <= legal
    assert set(space.fill(n, rng)) <= legal
    assert {space.repair(genome) for genome in legal} == legal


def test_every_lists_the_whole_space_in_order() -> None:
    space = SearchSpace({"a": [1, 2], "b": ["x", "y", "z"]})
    assert list(space.every()) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert space.size == 6


def test_draws_follow_the_weights() -> None:
    space = SearchSpace({"a": ["x", "y", "z"], "b": ["u", "v"]})
    rng = Random(0)
    uses = Counter(space.draw(rng, ((3.0, 1.0, 0.0), (1.0, 1.0)))[0] for _ in range(4000))
    assert uses[2] == 0
    assert uses[0] / 4000 == pytest.approx(0.75, abs=0.03)


def test_the_order_of_a_points_keys_does_not_matter() -> None:
    def first_two_wins(point: Point) -> Point:
        twos = [key for key, value in point.items() if value == 2]
        return {key: 2 if key in twos[:1] else 1 for key in point}

    space = SearchSpace({"a": [1, 2], "b": [1, 2], "c": [1, 2]}, first_two_wins)
    assert space.genome({"c": 2, "a": 1, "b": 2}) == space.genome({"b": 2, "a": 1, "c": 2}) == (0, 1, 0)


def test_a_cap_sees_the_point() -> None:
    space = SearchSpace({"width": [0.5, 2], "tau": [1, 4]}, admits=lambda point: float(point["width"]) < 1)
    assert [space.admits(genome) for genome in space.every()] == [True, True, False, False]


def test_a_space_without_dimensions_is_refused() -> None:
    with pytest.raises(ValueError, match="the search space is empty; give it at least one key"):
        SearchSpace({})


def test_a_dimension_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gives 'student\.width' no value; give at least one"):
        SearchSpace({"student.width": []})


@pytest.mark.parametrize("values", [["kl", "l2", "kl"], [1, 2, 1], [1, 1.0], [None, None], [0, 0.0, False]])
def test_a_value_given_twice_is_refused(values: list[Value]) -> None:
    with pytest.raises(ValueError, match=r"lists a value of 'x' twice.*remove the copy"):
        SearchSpace({"x": values})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"'x' the value (nan|inf|-inf).*finite"):
        SearchSpace({"x": [1.0, value]})


@pytest.mark.parametrize("value", ["cosine", 1, None, True])
def test_a_point_with_an_unlisted_value_is_refused(value: Value) -> None:
    with pytest.raises(ValueError, match=rf"'x' may be \['kl', False\] in this space, got {value!r}"):
        SearchSpace({"x": ["kl", False]}).genome({"x": value})


@pytest.mark.parametrize("point", [{}, {"x": 1, "y": 2}, {"y": 1}])
def test_a_point_with_other_keys_is_refused(point: Point) -> None:
    with pytest.raises(ValueError, match=r"a point of this space has the keys \['x'\], got"):
        SearchSpace({"x": [1]}).genome(point)


def test_the_search_engine_needs_no_framework() -> None:
    heavy = ["torch", "hydra", "omegaconf", "wandb", "pytorch_lightning", "optuna", "sklearn", "matplotlib"]
    code = f"import sys, uniads.search; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("ends", [(1e-4, 1e-1), (0, 1.0), (0.5, 3)])
def test_the_ends_of_a_range_are_not_taken_for_two_values(ends: tuple[float, float]) -> None:
    with pytest.raises(UserError, match=r"'lr' the tuple \(.*\), which looks like a range.*write \[.*\] for these two"):
        SearchSpace({"lr": ends})
    assert SearchSpace({"lr": list(ends)}).size == 2
    assert SearchSpace({"lr": (*ends, 7.0)}).size == 3
    assert SearchSpace({"lr": (1, 2), "name": ("a", "b")}).size == 4
