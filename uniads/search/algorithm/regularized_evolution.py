"""Regularized evolution: the oldest member of the population is removed, however good it is."""

from collections import deque
from collections.abc import Sequence
from random import Random
from typing import final

from uniads.error import UserError
from uniads.search.algorithm.base import Algorithm
from uniads.search.algorithm.variation import gene_weights, mutate_gene
from uniads.search.pareto import rank_survivors
from uniads.search.space import Genome, SearchSpace, Weights
from uniads.search.trial import Status, Trial


@final
class RegularizedEvolution(Algorithm):
    """Ageing evolution: the population is a queue. A child is a mutation of the best member of a random sample.

    Every completed candidate enters the queue, and the oldest one leaves it. "Best" means first by (highest rung
    reached, front within that rung, crowding distance); if the loss is the only measure, it is the lowest loss. The
    original adds one child at a time. Here a whole generation is added, in the order in which it was proposed.

    Source: Real et al., arXiv:1802.01548, algorithm 1.

    Args:
        population: length of the queue, at least 2. It should exceed the size of a generation, or each generation
            replaces the whole queue.
        sample: members drawn with replacement, the best of which is the parent; at least 1.
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
        self._ranking = [trial.genome for trial in rank_survivors(self.queue)]

    def propose(self, rng: Random, weights: Weights | None) -> Genome:
        if not self._ranking:
            return self.space.draw(rng, weights)
        parent = self._ranking[min(rng.randrange(len(self._ranking)) for _ in range(self.sample))]
        genes = list(parent)
        position = rng.randrange(len(genes))
        dimension = self.space.dimensions[position]
        genes[position] = mutate_gene(dimension, genes[position], rng, gene_weights(weights, position))
        return self.space.repair(tuple(genes))
