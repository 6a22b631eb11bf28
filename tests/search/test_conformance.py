"""What every search algorithm promises; a new option under conf/algorithm/ is judged here without another line."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from math import nan
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_class
from omegaconf import OmegaConf

from uniads import options
from uniads.options import conf_dir
from uniads.search import (
    Algorithm,
    Full,
    Genome,
    Halving,
    Hyperband,
    Ledger,
    Measure,
    Point,
    Random,
    Result,
    Schedule,
    SearchSpace,
    Status,
    Trial,
    per_point,
    search,
)

TARGETS = {name: OmegaConf.load(conf_dir() / "algorithm" / f"{name}.yaml")["_target_"] for name in options("algorithm")}
LARGE = {f"k{position}": range(40) for position in range(8)}
RUNGS = Halving([1, 2], [6, 3])

pytestmark = pytest.mark.parametrize("algorithm", [get_class(target) for target in TARGETS.values()], ids=list(TARGETS))
Make = Callable[..., Algorithm]


def loss(genome: Genome) -> float:
    return sum((gene - 7) ** 2 for gene in genome) / 10


def answered(genomes: Sequence[Genome], first: int = 0) -> list[Trial]:
    """Completed trials of these genomes, as the search tells them."""
    trials = [Trial(f"c{first + i:04d}", genome, (), 0, 0, 1, 0) for i, genome in enumerate(genomes)]
    done = [trial.completed({"val_loss": loss(trial.genome)}) for trial in trials]
    return [Trial.of(trial.row() | {"values": [trial.outcome["val_loss"], sum(trial.genome)]}) for trial in done]


def proposals(algorithm: Algorithm, generations: int = 4, n: int = 6) -> list[list[Genome]]:
    rounds = []
    for generation in range(generations):
        rounds.append(algorithm.ask(generation, n))
        algorithm.tell(answered(rounds[-1], n * generation))
    return rounds


def run(space: SearchSpace, algorithm: Algorithm, function: Callable[[Point, int], Any], candidates: int = 18) -> Any:
    return search(
        space, per_point(space, function), algorithm, RUNGS, measures=[Measure("val_loss")], candidates=candidates
    )


def test_all_algorithms_are_judged(algorithm: Make) -> None:
    assert {"nsga2", "random", "regularized_evolution", "tpe"} <= set(TARGETS)
    assert len(set(TARGETS.values())) == len(TARGETS)
    assert issubclass(algorithm, Algorithm)


def test_the_same_seed_and_answers_give_the_same_proposals(algorithm: Make) -> None:
    space = SearchSpace(LARGE)
    assert proposals(algorithm(space, seed=3)) == proposals(algorithm(space, seed=3))
    assert proposals(algorithm(space, seed=3)) != proposals(algorithm(space, seed=4))


def test_the_global_generator_changes_nothing(algorithm: Make) -> None:
    space = SearchSpace(LARGE)
    state = random.getstate()
    try:
        random.seed(1)
        one = proposals(algorithm(space))
        random.seed(2)
        assert proposals(algorithm(space)) == one
    finally:
        random.setstate(state)


def test_the_global_generators_are_left_alone(algorithm: type[Algorithm]) -> None:
    # In a process of its own, because annotations that are checked draw from the global generator.
    code = f"""
import json, random
import numpy as np
from {algorithm.__module__} import {algorithm.__name__} as algorithm
from uniads.search import Full, Halving, Measure, SearchSpace, Shrinkage, per_point, search
space = SearchSpace({{f"k{{i}}": range(9) for i in range(4)}})
before = random.getstate(), np.random.get_state()[1].tolist()
search(
    space, per_point(space, lambda point, epochs: {{"a": sum(point.values()), "b": point["k0"]}}), algorithm(space),
    Halving([1, 2], [6, 3]), measures=[Measure("a"), Measure("b")], candidates=24, shrinkage=Shrinkage(),
)
print(json.dumps(before == (random.getstate(), np.random.get_state()[1].tolist())))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is True


def test_genomes_are_legal_admitted_and_new(algorithm: Make) -> None:
    def halve(point: Point) -> Point:
        return {key: int(value) // 2 * 2 for key, value in point.items()}

    space = SearchSpace({f"k{i}": range(8) for i in range(4)}, halve, lambda point: point["k0"] != point["k1"])
    asked = [genome for genomes in proposals(algorithm(space), generations=8) for genome in genomes]
    assert len(asked) == len(set(asked)) == 48
    for genome in asked:
        assert space.repair(genome) == genome
        assert all(gene % 2 == 0 for gene in genome)
        assert genome[0] != genome[1]


def test_a_small_space_is_asked_exactly_once(algorithm: Make) -> None:
    space = SearchSpace({"a": range(3), "b": range(4), "c": range(2)}, admits=lambda point: point["a"] != point["b"])
    proposer = algorithm(space)
    rounds = proposals(proposer, generations=4, n=6)
    assert [len(genomes) for genomes in rounds] == [6, 6, 6, 0]
    assert {genome for genomes in rounds for genome in genomes} == set(filter(space.admits, space.every()))
    assert proposer.ask(4, 6) == []


def test_a_large_space_with_a_tight_cap_still_fills_its_generations(algorithm: Make) -> None:
    space = SearchSpace(LARGE, admits=lambda point: point["k0"] == 7 and int(point["k1"]) < 16)
    assert [len(genomes) for genomes in proposals(algorithm(space), generations=2)] == [6, 6]  # one in 100 is admitted


def test_a_generation_does_not_depend_on_what_other_generations_drew(algorithm: Make) -> None:
    space = SearchSpace(LARGE)
    one, other = algorithm(space, seed=5), algorithm(space, seed=5)
    start = one.ask(0, 6)
    assert other.ask(0, 6) == start
    one.tell(answered(start))
    other.tell(answered(start))
    one.ask(1, 2)
    other.ask(1, 3)
    assert one.ask(2, 6) == other.ask(2, 6)


def test_fewer_wanted_are_the_first_of_many(algorithm: Make) -> None:
    space = SearchSpace(LARGE)
    one, other = algorithm(space), algorithm(space)
    start = one.ask(0, 6)
    other.ask(0, 6)
    for proposer in (one, other):
        proposer.tell(answered(start))
    assert one.ask(1, 4) == other.ask(1, 9)[:4]


def test_the_first_generation_spreads_over_every_value(algorithm: Make) -> None:
    first = algorithm(SearchSpace({"a": range(4), "b": range(6), "c": range(3)})).ask(0, 12)
    for position, levels in enumerate((4, 6, 3)):
        assert {genome[position] for genome in first} == set(range(levels))


def test_warm_starts_come_first_in_their_order(algorithm: Make) -> None:
    space = SearchSpace(LARGE, lambda point: point | {"k7": 0})
    warm = [(9,) * 8, (1,) * 8, (1,) * 8, (5,) * 8]
    first = algorithm(space, start=warm).ask(0, 6)
    assert first[:3] == [(9,) * 7 + (0,), (1,) * 7 + (0,), (5,) * 7 + (0,)]
    assert len(set(first)) == 6


def test_warm_starts_beyond_a_generation_come_in_the_next(algorithm: Make) -> None:
    space = SearchSpace(LARGE)
    warm = [(level,) * 8 for level in range(10)]
    rounds = proposals(algorithm(space, start=warm), generations=2)
    assert rounds[0] + rounds[1][:4] == warm


def test_warm_starts_above_the_cap_are_passed_over(algorithm: Make) -> None:
    space = SearchSpace(LARGE, admits=lambda point: int(point["k0"]) < 20)
    first = algorithm(space, start=[(30,) * 8, (3,) * 8]).ask(0, 6)
    assert first[0] == (3,) * 8
    assert len(first) == 6


@pytest.mark.parametrize("outcome", [{"val_loss": nan}, {}, {"val_loss": float("inf")}])
def test_a_search_in_which_nothing_works_runs_to_its_end(algorithm: Make, outcome: dict[str, float]) -> None:
    space = SearchSpace(LARGE)
    result = run(space, algorithm(space), lambda point, epochs: outcome)
    assert result.stopped == "18 candidates are done"
    assert (result.front, result.knee, result.best, result.hypervolume) == ([], None, None, 0.0)
    assert len({trial.genome for trial in result.trials}) == len(result.trials) == 18


def test_a_search_with_some_losses_nan_goes_on(algorithm: Make) -> None:
    space = SearchSpace(LARGE)

    def function(point: Point, epochs: int) -> dict[str, float]:
        return {"val_loss": nan if int(point["k0"]) % 2 else float(sum(map(int, point.values())))}

    result = run(space, algorithm(space), function, candidates=60)
    assert result.candidates == 60
    assert result.front
    assert all(trial.genome[0] % 2 == 0 for trial in result.front)


def test_told_trials_that_failed_do_no_harm(algorithm: Make) -> None:
    space = SearchSpace(LARGE)
    proposer = algorithm(space)
    for generation in range(3):
        trials = [Trial(f"c{i}", genome, (), 0, 0, 1, 0) for i, genome in enumerate(proposer.ask(generation, 6))]
        assert len(trials) == 6
        proposer.tell([trial.failed("OSError") if i % 2 else trial.rejected("nan") for i, trial in enumerate(trials)])


def test_it_works_without_halving(algorithm: Make) -> None:
    space = SearchSpace(LARGE)
    objective = per_point(space, lambda point, epochs: {"val_loss": float(epochs)})
    result = search(space, objective, algorithm(space), Full(24, 5), measures=[Measure("val_loss")], candidates=10)
    assert result.epochs_spent == 240


SCHEDULES = [Halving([1, 3, 9], [8, 4, 2]), Full(9, 8), Hyperband(9)]
MIXED = SearchSpace(
    {"a": range(6), "b": ["u", "v", "w", "x"], "c": range(5), "d": ["p", "q", "r"]},
    lambda point: point | {"c": 0} if point["d"] == "p" else point,
)


def worked(point: Point, epochs: int) -> dict[str, float]:
    """Two measures that conflict; one category raises, one gives no number."""
    if point["b"] == "u" and point["d"] == "q":
        raise RuntimeError("out of memory")
    loss = 1 / (1 + int(point["a"])) + int(point["c"]) / 5 + 1 / epochs
    return {
        "val_loss": nan if point["b"] == "v" and point["d"] == "r" else loss,
        "params": 1 + int(point["a"]) + (point["b"] == "w"),
    }


def searched(algorithm: Make, schedule: Schedule, ledger: Ledger | None = None, candidates: int = 40) -> Result:
    measures = [Measure("val_loss", reference=3.0), Measure("params", reference=9.0)]
    return search(
        MIXED, per_point(MIXED, worked), algorithm(MIXED, 4), schedule,
        measures=measures, candidates=candidates, max_failures=1.0, ledger=ledger,
    )  # fmt: skip


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
def test_a_search_trains_nobody_twice_and_keeps_failures_off_the_front(algorithm: Make, schedule: Schedule) -> None:
    result = searched(algorithm, schedule)
    places = [(trial.genome, trial.rung) for trial in result.trials]
    assert len(places) == len(set(places))
    assert {trial.status for trial in result.trials} == {Status.COMPLETED, Status.REJECTED, Status.FAILED}
    assert result.front
    assert all(trial.status is Status.COMPLETED and trial.epochs == 9 for trial in result.front)
    for trial in result.trials:
        below = [other for other in result.trials if other.candidate == trial.candidate and other.rung < trial.rung]
        assert trial.start == max((other.epochs for other in below), default=0)
    assert result.epochs_spent <= schedule.cost(result.candidates)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
def test_a_search_that_was_cut_short_ends_as_if_it_had_not_been(
    algorithm: Make, schedule: Schedule, tmp_path: Path
) -> None:
    def at(path: Path) -> Result:
        with closing(Ledger(path)) as ledger:
            return searched(algorithm, schedule, ledger)

    whole = at(tmp_path / "whole.jsonl")
    content = (tmp_path / "whole.jsonl").read_bytes()
    for cut in (len(content) // 3, len(content) * 4 // 5):
        path = tmp_path / f"{cut}.jsonl"
        path.write_bytes(content[:cut])
        assert at(path) == whole
        assert path.read_bytes() == content


def test_a_search_in_which_everything_fails_runs_to_its_end(algorithm: Make) -> None:
    def broken(point: Point, epochs: int) -> dict[str, float]:
        raise OSError("gone")

    space = SearchSpace(LARGE)
    result = search(
        space, per_point(space, broken), algorithm(space), RUNGS,
        measures=[Measure("val_loss")], candidates=18, max_failures=1.0,
    )  # fmt: skip
    assert {trial.status for trial in result.trials} == {Status.FAILED}
    assert (result.candidates, result.front, result.best) == (18, [], None)


def test_a_space_of_one_point_is_searched_once(algorithm: Make) -> None:
    space = SearchSpace({"a": [1], "b": ["x"]})
    result = run(space, algorithm(space), lambda point, epochs: {"val_loss": 1.0})
    assert result.stopped == "the space holds no more candidates"
    assert [trial.genome for trial in result.front] == [(0, 0)]


def test_an_exhausted_space_ends_the_search(algorithm: Make) -> None:
    space = SearchSpace({"a": range(3), "b": ["x", "y", "z"]})
    result = run(space, algorithm(space), lambda point, epochs: {"val_loss": float(int(point["a"]))}, candidates=50)
    assert result.stopped == "the space holds no more candidates"
    assert {trial.genome for trial in result.trials} == set(space.every())


def test_what_learns_beats_what_draws(algorithm: Make) -> None:
    def best(make: Make, seed: int) -> float:
        space = SearchSpace({f"k{position}": range(10) for position in range(6)})
        objective = per_point(space, lambda point, epochs: {"val_loss": float(sum(map(int, point.values())))})
        found = search(space, objective, make(space, seed), Full(1, 10), measures=[Measure("val_loss")], candidates=80)
        return min(trial.values[0] for trial in found.trials)

    gains = [best(Random, seed) - best(algorithm, seed) for seed in range(3)]
    assert sum(gains) > 9 or algorithm.__name__ in ("Random", "DisWOT")
