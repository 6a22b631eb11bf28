"""Regularized evolution: the oldest dies, whatever its worth."""

from collections import deque
from collections.abc import Sequence
from random import Random
from typing import final

from uniads.error import UserError
from uniads.search.algorithm.base import Algorithm
from uniads.search.algorithm.variation import mutated, weights_of
from uniads.search.pareto import survival
from uniads.search.space import Genome, SearchSpace, Weights
from uniads.search.trial import Status, Trial


@final
class RegularizedEvolution(Algorithm):
    """Ageing evolution: the population is a queue; a child is one mutation away from the best of a random sample of it.

    Every completed candidate enters the queue, and the oldest one leaves it. "Best" is the first by (highest rung
    reached, front within that rung, crowding distance), which is the lowest loss where only the loss is measured. The
    original adds one child at a time; here a generation is added in the order in which it was asked.

    Source: Real et al., arXiv:1802.01548, algorithm 1.

    Args:
        population: length of the queue, at least 2; longer than a generation, or nobody outlives one.
        sample: members that compete to be the parent, drawn with replacement, at least 1.
    """

    def __init__(
        self, space: SearchSpace, seed: int = 0, start: Sequence[Genome] = (), population: int = 50, sample: int = 10
    ) -> None:
        super().__init__(space, seed, start)
        if population < 2 or sample < 1:
            raise UserError(
                "search.algorithm.population must be at least 2 and search.algorithm.sample at least 1, "
                f"got {population} and {sample}"
            )
        self.sample = sample
        self.queue: deque[Trial] = deque(maxlen=population)
        self._ranking: list[Genome] = []

    def tell(self, trials: Sequence[Trial]) -> None:
        self.queue.extend(trial for trial in trials if trial.status is Status.COMPLETED)
        self._ranking = [trial.genome for trial in survival(self.queue)]

    def propose(self, rng: Random, weights: Weights | None) -> Genome:
        if not self._ranking:
            return self.space.draw(rng, weights)
        parent = self._ranking[min(rng.randrange(len(self._ranking)) for _ in range(self.sample))]
        genes = list(parent)
        position = rng.randrange(len(genes))
        genes[position] = mutated(self.space.dimensions[position], genes[position], rng, weights_of(weights, position))
        return self.space.repair(tuple(genes))
