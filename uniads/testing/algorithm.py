"""What every search algorithm promises."""

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from uniads.search import (
    Algorithm,
    Full,
    Genome,
    Halving,
    Hyperband,
    Ledger,
    Measure,
    Point,
    Result,
    Schedule,
    SearchSpace,
    Status,
    Trial,
    per_point,
    search,
)
from uniads.testing.promise import judge, require

Make = Callable[[SearchSpace, int], Algorithm]

LARGE = {f"k{position}": range(40) for position in range(8)}
MIXED = SearchSpace(
    {"a": range(6), "b": ["u", "v", "w", "x"], "c": range(5), "d": ["p", "q", "r"]},
    lambda point: point | {"c": 0} if point["d"] == "p" else point,
)
SCHEDULES: tuple[Schedule, ...] = (Halving([1, 3, 9], [8, 4, 2]), Full(9, 8), Hyperband(9))


def check_algorithm(make: Make) -> None:
    """Check all promises of a search algorithm.

    Args:
        make: makes one for a space and a seed, such as ``lambda space, seed: MyAlgorithm(space, seed=seed)``.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    judge(PROMISES, make)


def answer(genomes: Sequence[Genome], first: int = 0) -> list[Trial]:
    """Completed trials of genomes, as a search tells them; the loss is smallest where every gene is 7."""
    trials = [Trial(f"c{first + i:04d}", genome, (), 0, 0, 1, 0) for i, genome in enumerate(genomes)]
    done = [trial.completed({"val_loss": sum((gene - 7) ** 2 for gene in trial.genome) / 10}) for trial in trials]
    return [Trial.of(trial.row() | {"values": [trial.outcome["val_loss"], sum(trial.genome)]}) for trial in done]


def propose(algorithm: Algorithm, generations: int = 4, n: int = 6) -> list[list[Genome]]:
    """What an algorithm asks for in some generations, each answered before the next."""
    rounds = []
    for generation in range(generations):
        rounds.append(algorithm.ask(generation, n))
        algorithm.tell(answer(rounds[-1], n * generation))
    return rounds


def depends_on_the_seed_and_the_answers(make: Make) -> None:
    """The same seed and answers give the same proposals; another seed gives others."""
    space = SearchSpace(LARGE)
    name = type(make(space, 0)).__name__
    once, again, other = (propose(make(space, seed)) for seed in (3, 3, 4))
    require(once == again, f"{name} must ask for the same genomes with the same seed and answers")
    require(once != other, f"{name} must ask for other genomes with another seed")


def ignores_the_global_generators(make: Make) -> None:
    """The global generators of Python and NumPy change no proposal, and are left as they are."""
    space = SearchSpace(LARGE)
    name = type(make(space, 0)).__name__
    python, numpy = random.getstate(), np.random.get_state()
    try:
        rounds = []
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)
            before = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()
            rounds.append(propose(make(space, 0)))
            after = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()
            require(
                before == after, f"{name} must leave the global generators as they are; draw from the one it is given"
            )
        require(rounds[0] == rounds[1], f"{name} must not draw from the global generators")
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def asks_for_legal_admitted_and_new_genomes(make: Make) -> None:
    """Every genome asked for is legal, admitted by the space and new."""
    space = SearchSpace({f"k{i}": range(8) for i in range(4)}, _halve, lambda point: point["k0"] != point["k1"])
    algorithm = make(space, 0)
    name = type(algorithm).__name__
    asked = [genome for genomes in propose(algorithm, generations=8) for genome in genomes]
    require(len(asked) == len(set(asked)), f"{name} must ask for no genome twice")
    require(len(asked) == 48, f"{name} must ask for as many genomes as are wanted, got {len(asked)} of 48")
    for genome in asked:
        require(space.repair(genome) == genome, f"{name} must ask for legal genomes only, got {genome}")
        require(space.admits(genome), f"{name} must ask for admitted genomes only, got {genome}")


def asks_for_a_small_space_exactly_once(make: Make) -> None:
    """A small space is asked for as a whole, each genome once, and then nothing more."""
    space = SearchSpace({"a": range(3), "b": range(4), "c": range(2)}, admits=lambda point: point["a"] != point["b"])
    algorithm = make(space, 0)
    name = type(algorithm).__name__
    rounds = propose(algorithm)
    sizes = [len(genomes) for genomes in rounds]
    require(sizes == [6, 6, 6, 0], f"{name} must ask for all 18 genomes of a small space, 6 at a time, got {sizes}")
    asked = {genome for genomes in rounds for genome in genomes}
    every = asked == set(filter(space.admits, space.every()))
    require(every, f"{name} must ask for every genome of a small space")
    require(algorithm.ask(4, 6) == [], f"{name} must ask for nothing when the space holds no more")


def fills_its_generations_under_a_tight_cap(make: Make) -> None:
    """A large space that admits one genome in a hundred still fills the generations."""
    space = SearchSpace(LARGE, admits=lambda point: point["k0"] == 7 and _number(point, "k1") < 16)
    algorithm = make(space, 0)
    sizes = [len(genomes) for genomes in propose(algorithm, generations=2)]
    require(
        sizes == [6, 6], f"{type(algorithm).__name__} must fill its generations under a tight cap, got {sizes} of 6"
    )


def draws_each_generation_by_itself(make: Make) -> None:
    """A generation does not depend on how many genomes other generations drew."""
    space = SearchSpace(LARGE)
    one, other = make(space, 5), make(space, 5)
    start = one.ask(0, 6)
    require(other.ask(0, 6) == start, f"{type(one).__name__} must start alike with the same seed")
    one.tell(answer(start))
    other.tell(answer(start))
    one.ask(1, 2)
    other.ask(1, 3)
    same = one.ask(2, 6) == other.ask(2, 6)
    require(same, f"{type(one).__name__} must draw each generation from a generator of its own")


def asks_for_fewer_as_the_first_of_many(make: Make) -> None:
    """Where fewer genomes are wanted they are the first of those that would have come."""
    space = SearchSpace(LARGE)
    few, many = make(space, 0), make(space, 0)
    for algorithm in (few, many):
        algorithm.tell(answer(algorithm.ask(0, 6)))
    same = few.ask(1, 4) == many.ask(1, 9)[:4]
    require(same, f"{type(few).__name__} must ask for the same genomes first, however many are wanted")


def spreads_its_first_generation(make: Make) -> None:
    """The first generation holds every value of every dimension, where it has room for them."""
    algorithm = make(SearchSpace({"a": range(4), "b": range(6), "c": range(3)}), 0)
    first = algorithm.ask(0, 12)
    for position, levels in enumerate((4, 6, 3)):
        every = {genome[position] for genome in first} == set(range(levels))
        require(every, f"{type(algorithm).__name__} must spread its first generation over every value")


def survives_failures(make: Make) -> None:
    """Trials that failed, were rejected, or gave no number do no harm."""
    space = SearchSpace(LARGE)
    algorithm = make(space, 0)
    name = type(algorithm).__name__
    for generation in range(3):
        trials = [Trial(f"c{i}", genome, (), 0, 0, 1, 0) for i, genome in enumerate(algorithm.ask(generation, 6))]
        require(len(trials) == 6, f"{name} must go on after trials that failed, got {len(trials)} genomes of 6")
        algorithm.tell([trial.failed("OSError") if i % 2 else trial.rejected("nan") for i, trial in enumerate(trials)])
    for outcome in ({"val_loss": nan}, {}, {"val_loss": float("inf")}):
        result = _run(space, make(space, 0), lambda point, epochs, outcome=outcome: outcome)  # type: ignore[misc]
        whole = len({trial.genome for trial in result.trials}) == len(result.trials) == 18
        require(whole, f"{name} must search to the end where every outcome is {outcome}")
        done = result.stopped == "18 candidates are done"
        require(done, f"{name} must search to the end where every outcome is {outcome}, not until {result.stopped}")
        found = (result.front, result.knee, result.best, result.hypervolume)
        require(found == ([], None, None, 0.0), f"{name} must not put outcomes such as {outcome} on the front")


def trains_nobody_twice(make: Make) -> None:
    """A search, under each schedule, trains no candidate twice at a rung and keeps failures off the front."""
    for schedule in SCHEDULES:
        result = _search_mixed(make, schedule)
        name = f"a search by {type(make(MIXED, 0)).__name__} under {type(schedule).__name__}"
        places = [(trial.genome, trial.rung) for trial in result.trials]
        require(len(places) == len(set(places)), f"{name} must train no candidate twice at one rung")
        ends = {trial.status for trial in result.trials}
        known = ends == {Status.COMPLETED, Status.REJECTED, Status.FAILED}
        require(known, f"{name} must know what was completed, rejected and failed, got {sorted(ends)}")
        for trial in result.trials:
            same = [other for other in result.trials if other.candidate == trial.candidate]
            start = max((other.epochs for other in same if other.rung < trial.rung), default=0)
            require(trial.start == start, f"{name} must go on from the rung below, got {trial.start} and not {start}")
        require(result.front, f"{name} must find a front")
        whole = all(trial.status is Status.COMPLETED and trial.epochs == 9 for trial in result.front)
        require(whole, f"{name} must have whole trainings only on its front")
        require(
            result.epochs_spent <= schedule.cost(result.candidates), f"{name} must not cost more than the schedule says"
        )


def can_be_replayed(make: Make) -> None:
    """A search that was cut short and goes on from its ledger ends as if it had not been."""
    for schedule in SCHEDULES:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "whole.jsonl"
            whole, content = _search_into(file, make, schedule), file.read_bytes()
            for cut in (len(content) // 3, len(content) * 4 // 5):
                part = Path(folder) / f"{cut}.jsonl"
                part.write_bytes(content[:cut])
                same = _search_into(part, make, schedule) == whole and part.read_bytes() == content
                name = f"{type(make(MIXED, 0)).__name__} under {type(schedule).__name__}"
                require(
                    same, f"a search by {name} that goes on from its ledger must end as if it had not been cut short"
                )


def ends_with_the_space(make: Make) -> None:
    """A search ends when the space holds no more candidates; a space of one point is searched once."""
    for values in ({"a": [1], "b": ["x"]}, {"a": range(3), "b": ["x", "y", "z"]}):
        space = SearchSpace(values)  # type: ignore[arg-type]
        algorithm = make(space, 0)
        result = _run(space, algorithm, lambda point, epochs: {"val_loss": _number(point, "a")}, candidates=50)
        every = {trial.genome for trial in result.trials} == set(space.every())
        ended = every and result.stopped == "the space holds no more candidates"
        require(ended, f"a search by {type(algorithm).__name__} must end when all of a small space is searched")
        require(result.front, f"a search by {type(algorithm).__name__} must find the front of a small space")


PROMISES: tuple[Callable[[Make], None], ...] = (
    depends_on_the_seed_and_the_answers,
    ignores_the_global_generators,
    asks_for_legal_admitted_and_new_genomes,
    asks_for_a_small_space_exactly_once,
    fills_its_generations_under_a_tight_cap,
    draws_each_generation_by_itself,
    asks_for_fewer_as_the_first_of_many,
    spreads_its_first_generation,
    survives_failures,
    trains_nobody_twice,
    can_be_replayed,
    ends_with_the_space,
)
"""Each takes a function that makes an algorithm, and raises an AssertionError where it is broken."""


def _halve(point: Point) -> Point:
    """Even values only."""
    return {key: int(_number(point, key)) // 2 * 2 for key in point}


def _number(point: Point, key: str) -> float:
    value = point[key]
    assert isinstance(value, int | float)
    return value


def _run(
    space: SearchSpace,
    algorithm: Algorithm,
    function: Callable[[Point, int], dict[str, float]],
    candidates: int = 18,
) -> Result:
    measures, schedule = [Measure("val_loss")], Halving([1, 2], [6, 3])
    return search(space, per_point(space, function), algorithm, schedule, measures=measures, candidates=candidates)


def _evaluate_mixed(point: Point, epochs: int) -> dict[str, float]:
    """Two measures that conflict; one category raises, one gives no number."""
    if point["b"] == "u" and point["d"] == "q":
        raise RuntimeError("out of memory")
    a, c = _number(point, "a"), _number(point, "c")
    loss = 1 / (1 + a) + c / 5 + 1 / epochs
    return {"val_loss": nan if point["b"] == "v" and point["d"] == "r" else loss, "params": 1 + a + (point["b"] == "w")}


def _search_mixed(make: Make, schedule: Schedule, ledger: Ledger | None = None) -> Result:
    measures = [Measure("val_loss", reference=3.0), Measure("params", reference=9.0)]
    return search(
        MIXED, per_point(MIXED, _evaluate_mixed), make(MIXED, 4), schedule,
        measures=measures, candidates=40, max_failures=1.0, ledger=ledger,
    )  # fmt: skip


def _search_into(file: Path, make: Make, schedule: Schedule) -> Result:
    with closing(Ledger(file)) as ledger:
        return _search_mixed(make, schedule, ledger)
