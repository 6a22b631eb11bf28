"""``check_algorithm`` accepts an algorithm that keeps its promises, and names the one that a broken one breaks."""

import inspect
import random
import subprocess
import sys
from collections.abc import Sequence
from random import Random as Generator

import pytest

from uniads.search import Algorithm, Genome, Random, SearchSpace, Trial
from uniads.search.space import Weights
from uniads.testing import algorithm, check_algorithm


class Walk(Algorithm):
    """Changes one gene of the last genome told."""

    last: Genome | None = None

    def propose(self, rng: Generator, weights: Weights | None) -> Genome:
        genome = self.space.draw(rng, weights)
        if self.last is None:
            return genome
        position = rng.randrange(len(genome))
        return self.space.repair((*self.last[:position], genome[position], *self.last[position + 1 :]))

    def tell(self, trials: Sequence[Trial]) -> None:
        if trials:
            self.last = trials[-1].genome


class Repeats(Walk):
    """Forgets what it has asked for."""

    def ask(self, generation: int, n: int, weights: Weights | None = None) -> list[Genome]:  # type: ignore[misc]
        self._proposed.clear()
        return super().ask(generation, n, weights)


class DrawsGlobally(Walk):
    def propose(self, rng: Generator, weights: Weights | None) -> Genome:
        return self.space.draw(Generator(random.random()), weights)


class IgnoresItsSeed(Walk):
    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        super().__init__(space, 0)


class Illegal(Walk):
    """Asks for genomes that the space would repair."""

    def ask(self, generation: int, n: int, weights: Weights | None = None) -> list[Genome]:  # type: ignore[misc]
        odd = [tuple(min(gene + 1, 7) for gene in genome) for genome in super().ask(generation, n, weights)]
        return odd if self.space.size == 8**4 else super().ask(generation, n, weights)


class StopsEarly(Walk):
    def ask(self, generation: int, n: int, weights: Weights | None = None) -> list[Genome]:  # type: ignore[misc]
        return super().ask(generation, n if generation < 2 else n - 1, weights)


class Continues(Walk):
    """Draws on from one generation to the next."""

    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        super().__init__(space, seed)
        self.generator = Generator(seed)

    def propose(self, rng: Generator, weights: Weights | None) -> Genome:
        return self.space.draw(self.generator, weights)


class NeverSpreads(Walk):
    def plan(self, generation: int, n: int, rng: Generator) -> list[Genome]:
        return []


class BreaksOnFailures(Walk):
    def tell(self, trials: Sequence[Trial]) -> None:
        self.last = min(trials, key=lambda trial: trial.outcome["val_loss"]).genome if trials else None


BROKEN: dict[type[Walk], str] = {
    Repeats: "must ask for no genome twice",
    DrawsGlobally: "must leave the global generators as they are|must ask for the same genomes with the same seed",
    IgnoresItsSeed: "must ask for other genomes with another seed",
    Illegal: "must ask for legal genomes only|must ask for no genome twice",
    StopsEarly: "must ask for as many genomes as are wanted",
    Continues: "must draw each generation from a generator of its own",
    NeverSpreads: "must spread its first generation over every value",
    BreaksOnFailures: "do no harm. It raised KeyError",
}


@pytest.mark.parametrize("make", [Random, Walk])
@pytest.mark.slow
def test_an_algorithm_that_keeps_its_promises_passes(make: type[Algorithm]) -> None:
    check_algorithm(lambda space, seed: make(space, seed))


@pytest.mark.parametrize(("make", "sentence"), BROKEN.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_algorithm_is_told_which_promise_it_breaks(make: type[Walk], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_algorithm(lambda space, seed: make(space, seed))


def test_an_algorithm_that_cannot_be_replayed_is_told_so() -> None:
    made: list[int] = []

    def make(space: SearchSpace, seed: int) -> Algorithm:
        made.append(seed)
        return Walk(space, len(made))

    with pytest.raises(AssertionError, match=r"ends as if it had not been\. It raised UserError"):
        algorithm.judge([algorithm.can_be_replayed], make)


def test_algorithms_are_judged_without_torch() -> None:
    code = "from uniads.testing import check_algorithm; import sys; print({'torch', 'pytest'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_promise_of_the_module_is_checked() -> None:
    written = {
        name
        for name, thing in inspect.getmembers(algorithm, inspect.isfunction)
        if [*inspect.signature(thing).parameters] == ["make"] and not name.startswith(("check_", "_"))
    }
    assert {promise.__name__ for promise in algorithm.PROMISES} == written
    assert all(promise.__doc__ for promise in algorithm.PROMISES)
