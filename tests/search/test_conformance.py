"""What every search algorithm promises; a new option under conf/algorithm/ is judged here without another line."""

import json
import subprocess
import sys
from collections.abc import Callable
from math import nan
from typing import Any

import pytest
from hydra.utils import get_class
from omegaconf import OmegaConf

from uniads import options
from uniads.options import conf_dir
from uniads.search import (
    Algorithm,
    Full,
    Halving,
    Measure,
    Point,
    Random,
    SearchSpace,
    Status,
    per_point,
    search,
)
from uniads.testing.algorithm import LARGE, PROMISES, propose

TARGETS = {name: OmegaConf.load(conf_dir() / "algorithm" / f"{name}.yaml")["_target_"] for name in options("algorithm")}
RUNGS = Halving([1, 2], [6, 3])

pytestmark = pytest.mark.parametrize("algorithm", [get_class(target) for target in TARGETS.values()], ids=list(TARGETS))
Make = Callable[..., Algorithm]


def run(space: SearchSpace, algorithm: Algorithm, function: Callable[[Point, int], Any], candidates: int = 18) -> Any:
    return search(
        space, per_point(space, function), algorithm, RUNGS, measures=[Measure("val_loss")], candidates=candidates
    )


def test_all_algorithms_are_judged(algorithm: Make) -> None:
    assert {"nsga2", "random", "regularized_evolution", "tpe"} <= set(TARGETS)
    assert len(set(TARGETS.values())) == len(TARGETS)
    assert issubclass(algorithm, Algorithm)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_an_algorithm_keeps_its_promises(algorithm: Make, promise: Callable[..., None]) -> None:
    promise(lambda space, seed: algorithm(space, seed=seed))


def test_there_are_as_many_promises_as_ever(algorithm: Make) -> None:
    assert len(PROMISES) == 12


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


def test_warm_starts_come_first_in_their_order(algorithm: Make) -> None:
    space = SearchSpace(LARGE, lambda point: point | {"k7": 0})
    warm = [(9,) * 8, (1,) * 8, (1,) * 8, (5,) * 8]
    first = algorithm(space, start=warm).ask(0, 6)
    assert first[:3] == [(9,) * 7 + (0,), (1,) * 7 + (0,), (5,) * 7 + (0,)]
    assert len(set(first)) == 6


def test_warm_starts_beyond_a_generation_come_in_the_next(algorithm: Make) -> None:
    space = SearchSpace(LARGE)
    warm = [(level,) * 8 for level in range(10)]
    rounds = propose(algorithm(space, start=warm), generations=2)
    assert rounds[0] + rounds[1][:4] == warm


def test_warm_starts_above_the_cap_are_passed_over(algorithm: Make) -> None:
    space = SearchSpace(LARGE, admits=lambda point: int(point["k0"]) < 20)
    first = algorithm(space, start=[(30,) * 8, (3,) * 8]).ask(0, 6)
    assert first[0] == (3,) * 8
    assert len(first) == 6


def test_a_search_with_some_losses_nan_goes_on(algorithm: Make) -> None:
    space = SearchSpace(LARGE)

    def function(point: Point, epochs: int) -> dict[str, float]:
        return {"val_loss": nan if int(point["k0"]) % 2 else float(sum(map(int, point.values())))}

    result = run(space, algorithm(space), function, candidates=60)
    assert result.candidates == 60
    assert result.front
    assert all(trial.genome[0] % 2 == 0 for trial in result.front)


def test_it_works_without_halving(algorithm: Make) -> None:
    space = SearchSpace(LARGE)
    objective = per_point(space, lambda point, epochs: {"val_loss": float(epochs)})
    result = search(space, objective, algorithm(space), Full(24, 5), measures=[Measure("val_loss")], candidates=10)
    assert result.epochs_spent == 240


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


def test_what_learns_beats_what_draws(algorithm: Make) -> None:
    def best(make: Make, seed: int) -> float:
        space = SearchSpace({f"k{position}": range(10) for position in range(6)})
        objective = per_point(space, lambda point, epochs: {"val_loss": float(sum(map(int, point.values())))})
        found = search(space, objective, make(space, seed), Full(1, 10), measures=[Measure("val_loss")], candidates=80)
        return min(trial.values[0] for trial in found.trials)

    gains = [best(Random, seed) - best(algorithm, seed) for seed in range(3)]
    assert sum(gains) > 9 or algorithm.__name__ in ("Random", "DisWOT")
