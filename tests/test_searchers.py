"""Searchers are compared at equal epochs: nobody can spend more, and only what was trained in full counts."""

from random import Random

import pytest

from benchmarks.multi_fidelity import LOSS, MOST, RUNGS, TOLERANCE, Oracle, SpentError, Training, build_problem
from benchmarks.peers import PEERS
from benchmarks.searchers import OURS, OWN, run, stand, tables

EPOCHS = 60
SEED = 1000


@pytest.mark.parametrize("name", LOSS)
def test_what_the_highest_rung_shows_is_the_truth_and_some_noise(name: str) -> None:
    problem = build_problem(name, SEED)
    genome = problem.space.fill(1, Random(0))[0]
    loss, cost = problem.observe(genome, RUNGS[-1], SEED)
    true_loss, true_cost = problem.truth(genome)
    assert cost == true_cost
    assert 0 < abs(loss - true_loss) < problem.scale


def test_a_training_that_goes_on_costs_the_further_epochs() -> None:
    oracle = Oracle(build_problem("distillation", SEED), SEED, 10)
    training = Training(oracle.space.genome(oracle.space.point((0,) * 12)))
    oracle.train(training, 1)
    oracle.train(training, 9)
    assert (oracle.spent, oracle.left) == (9, 1)
    with pytest.raises(ValueError, match="9 epochs can't be trained to 3"):
        oracle.train(training, 3)
    with pytest.raises(SpentError, match="1 of 10 epochs are left, 3 were asked for"):
        oracle.train(Training(training.genome), 3)
    assert oracle.spent == 9


def test_only_candidates_that_were_trained_in_full_count() -> None:
    oracle = Oracle(build_problem("distillation", SEED), SEED, 100)
    trainings = [Training(genome) for genome in oracle.space.fill(8, Random(0))]
    for training in trainings:
        oracle.train(training, 3)
    assert oracle.hypervolume() == 0
    for training in trainings:
        oracle.train(training, 9)
    assert oracle.hypervolume() > 0
    assert oracle.hypervolume(spent=29) == 0
    assert oracle.hypervolume(spent=72) == oracle.hypervolume()


def test_a_training_that_the_ledger_stops_costs_a_part_of_an_epoch_and_counts_nothing() -> None:
    problem = build_problem("ledger", SEED)
    genomes = [genome for genome in problem.space.fill(40, Random(0)) if problem.space.admits(genome)]
    (stopped, *_) = (genome for genome in genomes if problem.stops_after(genome, SEED) is not None)
    oracle = Oracle(problem, SEED, 8)
    training = Training(stopped)
    assert [oracle.train(training, epochs) for epochs in problem.rungs] == [problem.worst] * 3
    assert 0 < oracle.spent < 1
    assert not oracle.finished
    assert oracle.hypervolume() == 0


def test_a_student_that_the_ledger_knows_nothing_of_costs_nothing_and_the_asking_ends() -> None:
    problem = build_problem("ledger", SEED)
    (unknown, *_) = (genome for genome in problem.space.fill(200, Random(0)) if not problem.space.admits(genome))
    oracle = Oracle(problem, SEED, 4)
    for _ in range(MOST * oracle.budget):
        oracle.train(Training(unknown), 1)
    with pytest.raises(SpentError, match="most cost nothing"):
        oracle.train(Training(unknown), 1)
    assert oracle.spent == 0


@pytest.mark.parametrize("problem", ["distillation", "ledger"])
@pytest.mark.parametrize("name", OWN)
def test_our_searchers_spend_their_epochs_and_no_more(name: str, problem: str) -> None:
    oracle = run(OWN[name], build_problem(problem, SEED), SEED, EPOCHS)
    assert EPOCHS - oracle.top < oracle.spent < EPOCHS + TOLERANCE
    assert 0 < len(oracle.finished) <= EPOCHS // oracle.top


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_peers_spend_their_epochs_and_no_more(name: str) -> None:
    module, searcher = PEERS[name]
    pytest.importorskip(module)
    oracle = run(searcher, build_problem("distillation", SEED), SEED, EPOCHS)
    assert EPOCHS - RUNGS[-1] < oracle.spent <= EPOCHS
    assert len(oracle.finished) <= EPOCHS // RUNGS[-1]


def test_a_searcher_with_fewer_seeds_takes_no_seed_from_the_others() -> None:
    def row(name: str, seed: int, volume: float) -> dict[str, object]:
        return {
            "problem": "mixed", "epochs": 9, "searcher": name, "seed": seed, "hypervolume": volume, "at half": 0.0,
            "in full": 1, "seconds": 0.0,
        }  # fmt: skip

    other, late = "one epoch first", "Optuna GP"
    rows = [row(name, seed, seed + len(name)) for name in (OURS, other) for seed in range(8)] + [row(late, 0, 1.0)]
    found = dict(tables(rows))
    assert [[(line["searcher"], line["n"]) for line in table] for table in found.values()] == [
        [(OURS, 1), (other, 1), (late, 1)],
        [(OURS, 8), (other, 8)],
    ]
    assert float(found["mixed, 9 epochs, those with most seeds"][1]["p"]) < 0.05
    assert stand([(OURS, rows[:8])])[0]["p"] == ""
