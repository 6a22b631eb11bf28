"""Training-free search: what is trained are the genomes with the best scores, each scored once."""

from collections import Counter

import pytest

from uniads.search import DisWOT, Full, Genome, Measure, Point, SearchSpace, per_point, search

SPACE = SearchSpace({f"k{position}": range(10) for position in range(3)})


def total(genome: Genome) -> float:
    return float(sum(genome))


def test_the_best_scores_of_all_that_were_drawn_are_asked_in_order() -> None:
    seen: list[Genome] = []

    def score(genome: Genome) -> float:
        seen.append(genome)
        return total(genome)

    asked = DisWOT(SPACE, seed=1, samples=50, score=score).ask(0, 5)
    assert 50 <= len(seen) <= 55
    assert [total(genome) for genome in asked] == sorted(map(total, seen), reverse=True)[:5]


def test_a_genome_is_scored_once() -> None:
    counted: Counter[Genome] = Counter()

    def score(genome: Genome) -> float:
        counted[genome] += 1
        return total(genome)

    algorithm = DisWOT(SPACE, samples=400, score=score)
    for generation in range(4):
        algorithm.ask(generation, 3)
    assert set(counted.values()) == {1}


def test_with_as_many_samples_as_it_takes_the_best_of_the_space_come_first() -> None:
    small = SearchSpace({"a": range(4), "b": range(4)})
    algorithm = DisWOT(small, samples=500, score=total)
    asked = [genome for generation in range(4) for genome in algorithm.ask(generation, 4)]
    assert [total(genome) for genome in asked] == sorted(map(total, small.every()), reverse=True)


def test_what_is_not_admitted_is_not_scored() -> None:
    def score(genome: Genome) -> float:
        assert genome[0] < 3
        return total(genome)

    capped = SearchSpace({f"k{position}": range(10) for position in range(3)}, admits=lambda point: point["k0"] < 3)
    asked = DisWOT(capped, score=score).ask(0, 6)
    assert len(asked) == 6
    assert max(genome[0] for genome in asked) == 2


def test_a_search_trains_the_best_scores_first() -> None:
    def trained(point: Point, epochs: int) -> dict[str, float]:
        return {"val_loss": 30.0 - sum(map(int, point.values()))}

    algorithm = DisWOT(SPACE, samples=300, score=total)
    loss = [Measure("val_loss")]
    result = search(SPACE, per_point(SPACE, trained), algorithm, Full(6, 4), measures=loss, candidates=4)
    assert [trial.candidate for trial in result.trials] == [f"c{i:04d}" for i in range(4)]
    losses = [trial.values[0] for trial in result.trials]
    assert losses == sorted(losses)
    assert losses[0] < 8


def test_samples_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"search\.algorithm\.samples must be at least 1, got 0"):
        DisWOT(SPACE, samples=0)
