"""What makes NSGA-II more than random search."""

from collections.abc import Mapping
from math import nan
from random import Random as Generator
from statistics import median

import pytest

from uniads.search import (
    NSGA2,
    Algorithm,
    Full,
    Measure,
    Point,
    Random,
    Result,
    SearchSpace,
    Trial,
    per_point,
    search,
)
from uniads.search.trial import Status

SPACE = SearchSpace({"depth": [1, 3, 5, 7], "distance": ["kl", "l2", "hard"], "tau": [1, 4, 8, 16, 32]})


def trial(name: int, values: tuple[float, ...], rung: int = 0, status: Status = Status.COMPLETED) -> Trial:
    genome = (name % 4, name // 4 % 3, name // 12)
    return Trial(f"c{name:04d}", genome, (), 0, rung, rung + 1, 0, status=status, values=values)


def names(algorithm: NSGA2) -> list[str]:
    return [survivor.candidate for survivor in algorithm.survivors]


def test_a_higher_rung_beats_a_lower_one_whatever_the_values() -> None:
    algorithm = NSGA2(SPACE, population=3)
    algorithm.tell([trial(0, (0.0, 0.0)), trial(1, (9.0, 9.0), 1), trial(2, (8.0, 8.0), 1), trial(3, (99.0, 99.0), 2)])
    assert names(algorithm) == ["c0003", "c0002", "c0001"]


def test_within_a_rung_the_front_decides_then_crowding() -> None:
    algorithm = NSGA2(SPACE, population=4)
    line = [trial(0, (0.0, 10.0)), trial(1, (1.0, 9.0)), trial(2, (2.0, 8.0)), trial(3, (10.0, 0.0))]
    algorithm.tell([trial(4, (11.0, 11.0)), *line])
    assert names(algorithm) == ["c0000", "c0003", "c0002", "c0001"]


def test_parents_survive_worse_children() -> None:
    algorithm = NSGA2(SPACE, population=2)
    algorithm.tell([trial(0, (1.0, 2.0)), trial(1, (2.0, 1.0))])
    algorithm.tell([trial(2, (3.0, 3.0)), trial(3, (0.5, 4.0))])
    assert set(names(algorithm)) <= {"c0000", "c0001", "c0003"}
    algorithm.tell([trial(4, (0.0, 0.0))])
    assert names(algorithm)[0] == "c0004"


@pytest.mark.parametrize("population", [2, 5, 12])
def test_no_more_survive_than_the_population(population: int) -> None:
    algorithm = NSGA2(SPACE, population=population)
    for generation in range(3):
        algorithm.tell([trial(20 * generation + i, (float(i), float(-i))) for i in range(20)])
        assert len(algorithm.survivors) == population


@pytest.mark.parametrize("status", [Status.REJECTED, Status.FAILED])
def test_only_completed_trials_survive(status: Status) -> None:
    algorithm = NSGA2(SPACE)
    algorithm.tell([trial(0, (), 2, status), trial(1, (5.0,))])
    assert names(algorithm) == ["c0001"]


def test_a_loss_that_is_nan_never_survives() -> None:
    # Few parameters and no loss: the point that a sort with NaN would call the best.
    def function(point: Point, epochs: int) -> Mapping[str, float]:
        small = point["depth"] == 1
        return {"val_loss": nan if small else 1.0 / int(point["depth"]), "params": float(int(point["depth"]))}

    algorithm = NSGA2(SPACE, population=60)
    objective = per_point(SPACE, function)
    measures = [Measure("val_loss"), Measure("params")]
    result = search(SPACE, objective, algorithm, Full(1, 10), measures=measures, candidates=60)
    assert sum(trial.status is Status.REJECTED for trial in result.trials) == 15
    assert len(algorithm.survivors) == 45
    assert all(survivor.genome[0] > 0 for survivor in algorithm.survivors)


def test_numbers_mutate_to_neighbours_and_categories_to_anything() -> None:
    algorithm = NSGA2(SPACE, crossover=0.0, mutation=1.0)
    parent = Trial("c0000", (1, 0, 2), (), 0, 0, 1, 0, status=Status.COMPLETED, values=(1.0,))
    algorithm.tell([parent])
    rng = Generator(0)
    children = {algorithm.propose(rng, None) for _ in range(300)}
    assert {child[0] for child in children} == {0, 2}
    assert {child[1] for child in children} == {0, 1, 2}
    assert {child[2] for child in children} == {1, 3}


@pytest.mark.parametrize(("edge", "neighbour"), [(0, 1), (4, 3)])
def test_at_the_edge_there_is_one_neighbour(edge: int, neighbour: int) -> None:
    algorithm = NSGA2(SPACE, mutation=1.0)
    algorithm.tell([Trial("c0000", (0, 0, edge), (), 0, 0, 1, 0, status=Status.COMPLETED, values=(1.0,))])
    rng = Generator(0)
    assert {algorithm.propose(rng, None)[2] for _ in range(50)} == {neighbour}


def test_a_number_with_one_value_stays() -> None:
    space = SearchSpace({"a": [1], "b": ["x", "y"]})
    algorithm = NSGA2(space, mutation=1.0)
    algorithm.tell([Trial("c0000", (0, 0), (), 0, 0, 1, 0, status=Status.COMPLETED, values=(1.0,))])
    rng = Generator(0)
    assert {algorithm.propose(rng, None) for _ in range(20)} == {(0, 0), (0, 1)}


def test_categories_are_redrawn_by_their_weights() -> None:
    algorithm = NSGA2(SPACE, crossover=0.0, mutation=1.0)
    algorithm.tell([Trial("c0000", (1, 0, 2), (), 0, 0, 1, 0, status=Status.COMPLETED, values=(1.0,))])
    rng = Generator(0)
    weights = ((1.0,) * 4, (1.0, 0.25, 2.75), (1.0,) * 5)
    drawn = [algorithm.propose(rng, weights)[1] for _ in range(2000)]
    assert [drawn.count(level) / 2000 for level in range(3)] == pytest.approx([0.25, 0.0625, 0.6875], abs=0.03)


def test_without_mutation_genes_come_from_the_parents() -> None:
    algorithm = NSGA2(SPACE, crossover=1.0, mutation=0.0)
    algorithm.tell(
        [
            Trial("c0000", (0, 0, 0), (), 0, 0, 1, 0, status=Status.COMPLETED, values=(1.0, 0.0)),
            Trial("c0001", (3, 2, 4), (), 0, 0, 1, 0, status=Status.COMPLETED, values=(0.0, 1.0)),
        ]
    )
    rng = Generator(0)
    children = {algorithm.propose(rng, None) for _ in range(200)}
    assert children == {(a, b, c) for a in (0, 3) for b in (0, 2) for c in (0, 4)}


def test_the_better_parent_wins_the_tournament() -> None:
    algorithm = NSGA2(SPACE, crossover=0.0, mutation=0.0)
    algorithm.tell([trial(0, (0.0,)), trial(1, (1.0,))])
    rng = Generator(0)
    wins = sum(algorithm.propose(rng, None) == trial(0, ()).genome for _ in range(2000))
    assert wins / 2000 == pytest.approx(0.75, abs=0.04)


def test_a_gene_in_n_mutates_by_default() -> None:
    assert NSGA2(SPACE).mutation == pytest.approx(1 / 3)


def test_it_beats_random_search_at_equal_cost(problem) -> None:
    def found(algorithm: Algorithm) -> Result:
        objective = per_point(problem.space, problem.evaluate)
        return search(problem.space, objective, algorithm, Full(4, 20), measures=problem.measures, candidates=100)

    gains = []
    for seed in range(10):
        searched, drawn = found(NSGA2(problem.space, seed)), found(Random(problem.space, seed))
        assert searched.epochs_spent == drawn.epochs_spent == 400
        gains.append(searched.hypervolume - drawn.hypervolume)
    assert median(gains) > 0
    assert sum(gain > 0 for gain in gains) >= 8


@pytest.mark.parametrize("population", [1, 0, -3])
def test_a_population_below_two_is_refused(population: int) -> None:
    with pytest.raises(ValueError, match=rf"search\.algorithm\.population must be at least 2, got {population}"):
        NSGA2(SPACE, population=population)


@pytest.mark.parametrize("name", ["crossover", "mutation"])
@pytest.mark.parametrize("rate", [-0.1, 1.1, nan])
def test_a_rate_that_is_no_probability_is_refused(name: str, rate: float) -> None:
    with pytest.raises(ValueError, match=rf"search\.algorithm\.{name} must be a probability from 0 to 1, got {rate}"):
        NSGA2(SPACE, **{name: rate})
