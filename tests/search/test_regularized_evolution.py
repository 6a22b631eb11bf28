"""What makes regularized evolution differ from other evolution: age."""

from random import Random as Generator

import pytest

from uniads.search import RegularizedEvolution, SearchSpace, Status, Trial

SPACE = SearchSpace({"a": range(10), "b": ["u", "v", "w"], "c": range(10)})


def trial(name: int, loss: float, rung: int = 0, status: Status = Status.COMPLETED) -> Trial:
    genome = (name % 10, 0, name // 10)
    return Trial(f"c{name:04d}", genome, (), 0, rung, rung + 1, 0, status=status, values=(loss,))


def test_the_oldest_dies_however_good_it_was() -> None:
    algorithm = RegularizedEvolution(SPACE, population=3, sample=50)
    algorithm.tell([trial(0, 0.0)])
    algorithm.tell([trial(name, float(name)) for name in (1, 2, 3)])
    assert [member.candidate for member in algorithm.queue] == ["c0001", "c0002", "c0003"]


def test_a_child_is_one_gene_away_from_the_best_of_the_sample() -> None:
    algorithm = RegularizedEvolution(SPACE, population=20, sample=200)
    algorithm.tell([trial(name, abs(name - 15.0)) for name in range(20)])
    rng = Generator(0)
    best = trial(15, 0.0).genome
    for _ in range(100):
        child = algorithm.propose(rng, None)
        assert sum(one != other for one, other in zip(child, best, strict=True)) <= 1
        assert abs(child[0] - best[0]) <= 1
        assert abs(child[2] - best[2]) <= 1


def test_a_sample_of_one_takes_any_parent() -> None:
    algorithm = RegularizedEvolution(SPACE, population=10, sample=1)
    algorithm.tell([trial(name, float(name)) for name in range(0, 100, 10)])
    rng = Generator(0)
    assert {algorithm.propose(rng, None)[2] for _ in range(300)} == set(range(10))


def test_a_higher_rung_is_better_whatever_the_loss_and_failures_never_enter() -> None:
    algorithm = RegularizedEvolution(SPACE, population=9, sample=100)
    algorithm.tell([trial(0, 0.0), trial(55, 9.0, rung=1), trial(9, 0.0, status=Status.FAILED)])
    assert len(algorithm.queue) == 2
    assert {algorithm.propose(Generator(0), None)[2] for _ in range(30)} <= {4, 5, 6}


@pytest.mark.parametrize("settings", [{"population": 1}, {"sample": 0}])
def test_nobody_can_be_chosen_from_too_few(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be at least 2 and search\.algorithm\.sample at least 1, got"):
        RegularizedEvolution(SPACE, **settings)
