"""A guide chooses children by what similar trials came to, and nothing else of a search changes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random as Numbers
from statistics import median

import pytest

from uniads.error import UserError
from uniads.search import NSGA2, Full, Genome, Halving, Ledger, Measure, Point, Result, SearchSpace, Trial, search
from uniads.search.algorithm.guide import FEWEST, Guide
from uniads.search.space import Switch

MEASURES = (Measure("loss", reference=5.0), Measure("size", reference=1.0))
SPACE = SearchSpace({"x": range(10), "y": range(10), **{f"k{i}": ["a", "b", "c", "d"] for i in range(4)}})


def evaluate(point: Point) -> dict[str, float]:
    """A loss with a best category in each place; larger x costs size and lowers it."""
    wrong = sum(point[f"k{i}"] != "abcd"[i] for i in range(4))
    x, y = int(str(point["x"])), int(str(point["y"]))
    return {"loss": 1.0 + 0.5 * wrong + 0.1 * abs(y - 6) + 0.1 * (9 - x), "size": x / 10}


def size_of(genome: Genome) -> Mapping[str, float]:
    return {"size": evaluate(SPACE.point(genome))["size"]}


def guide(children: int = 60, hope: float = 2.0) -> Guide:
    return Guide(SPACE, MEASURES, size_of, children, hope)


def trials(genomes: Sequence[Genome], rung: int = 0, first: int = 0) -> list[Trial]:
    made = []
    for number, genome in enumerate(genomes, start=first):
        outcome = evaluate(SPACE.point(genome))
        trial = Trial(f"c{number:04d}", genome, (), 0, rung, rung + 1, 0).completed(outcome)
        made.append(replace(trial, values=(outcome["loss"], outcome["size"])))
    return made


def run(seed: int, guided: bool, candidates: int = 60, ledger: Ledger | None = None, rungs: int = 1) -> Result:
    def objective(batch: Sequence[Trial]) -> Iterator[Trial]:
        for trial in batch:
            noise = Numbers(f"{trial.seed}-{trial.epochs}").gauss(0, 0.1)
            outcome = evaluate(SPACE.point(trial.genome))
            yield trial.completed({**outcome, "loss": outcome["loss"] + noise + 1 / trial.epochs})

    schedule = Full(1, 10) if rungs == 1 else Halving([1, 3], [10, 4])
    algorithm = NSGA2(SPACE, seed, guide=guide() if guided else None)
    return search(SPACE, objective, algorithm, schedule, measures=MEASURES, candidates=candidates, ledger=ledger)


def test_as_long_as_little_is_known_the_first_child_is_taken() -> None:
    genomes = SPACE.fill(FEWEST + 5, Numbers(0))
    learner = guide()
    assert learner.choose(genomes) == genomes[0]
    learner.observe(trials(genomes[: FEWEST - 1]))
    assert learner.choose(genomes[::-1]) == genomes[-1]


def test_the_child_that_adds_most_is_taken_and_the_next_one_adds_to_it() -> None:
    learner = guide(hope=0.0)
    learner.observe(trials(SPACE.fill(120, Numbers(1))))
    best = [SPACE.genome({"x": x, "y": 6, "k0": "a", "k1": "b", "k2": "c", "k3": "d"}) for x in (1, 8)]
    poor = SPACE.fill(30, Numbers(2))
    first = learner.choose([*poor, *best])
    assert first in best
    assert learner.choose([*poor, first, *best]) == next(genome for genome in best if genome != first)


def test_what_is_known_without_a_training_is_not_guessed() -> None:
    learner = guide(hope=0.0)
    large = [trial for trial in trials(SPACE.fill(80, Numbers(3))) if trial.values[1] >= 0.5]
    learner.observe([replace(trial, values=(1.0, trial.values[1])) for trial in large])
    genomes = [genome for genome in SPACE.fill(40, Numbers(4)) if size_of(genome)["size"] > 0]
    # All losses are alike, so the smallest adds most.
    assert size_of(learner.choose(genomes))["size"] == 0.1


def test_a_guided_search_finds_more_with_the_same_number_of_trials() -> None:
    gains = [run(seed, True).hypervolume - run(seed, False).hypervolume for seed in range(5)]
    assert sum(gain > 0 for gain in gains) >= 4
    assert median(gains) > 0


@pytest.mark.parametrize("rungs", [1, 2])
def test_a_stopped_search_goes_on_with_the_same_genomes(rungs: int) -> None:
    whole = run(5, True, 40, rungs=rungs)
    half = Ledger()
    for trial in whole.trials[: len(whole.trials) // 2]:
        half.append(trial)
    assert run(5, True, 40, half, rungs) == whole


def test_rejected_trials_count_as_the_worst_and_failed_ones_not_at_all() -> None:
    genomes = SPACE.fill(60, Numbers(6))
    told = trials(genomes)
    bad = [trial for trial in told if SPACE.point(trial.genome)["k0"] == "a"]
    rejected = [trial.rejected("it diverged", {"epochs": 1}) if trial in bad else trial for trial in told]
    wary, blind = guide(hope=0.0), guide(hope=0.0)
    wary.observe(rejected)
    blind.observe([trial.failed("no disk") if trial in bad else trial for trial in told])
    point = {"x": 2, "y": 6, "k1": "b", "k2": "c", "k3": "d"}
    children = [SPACE.genome({**point, "k0": letter}) for letter in "ab"]
    assert SPACE.point(wary.choose(children))["k0"] == "b"
    assert blind.choose(children) in children


def test_values_of_two_rungs_are_brought_together() -> None:
    genomes = SPACE.fill(40, Numbers(7))
    lower = [replace(trial, values=(trial.values[0] + 3, trial.values[1])) for trial in trials(genomes)]
    plain, shifted = guide(hope=0.0), guide(hope=0.0)
    plain.observe(trials(genomes))
    shifted.observe(lower)
    shifted.observe(trials(genomes[:10], rung=1))
    children = SPACE.fill(50, Numbers(8))
    hoped = []
    for learner in (plain, shifted):
        models = learner._learn(children[0])
        hoped.append([value for value, _ in learner._hope_for(children, models)])
    apart = [abs(a - b) for a, b in zip(*hoped, strict=True)]
    assert median(apart) < 0.2


def test_idle_genes_are_no_difference() -> None:
    space = SearchSpace({"on": [True, False], "x": range(10)}, switches=[Switch("on", (False,), ("x",))])
    learner = Guide(space, MEASURES[:1], lambda genome: {}, 10, 1.0)
    genomes = [space.repair(genome) for genome in ((0, 0), (0, 9), (1, 0))]
    told = [Trial(f"c{i}", genomes[i % 3], (), 0, 0, 1, 0).completed({"loss": float(i % 3)}) for i in range(9)]
    learner.observe([replace(trial, values=(trial.outcome["loss"],)) for trial in told])
    assert learner.choose(genomes[::-1]) == genomes[0]


@pytest.mark.parametrize(("children", "hope"), [(0, 1.0), (10, -1.0)])
def test_settings_out_of_range_are_refused(children: int, hope: float) -> None:
    with pytest.raises(UserError, match="at least 1 child and a hope of 0 or more"):
        guide(children, hope)
