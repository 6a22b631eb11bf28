"""The contract of every search algorithm: ask for genomes, be told trials."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import final

from uniads.search.space import Genome, SearchSpace, Weights
from uniads.search.trial import Trial

PATIENCE = 2_000
"""Genomes in a row that may be known or refused before the rest of the space is looked at as a whole."""

ENUMERABLE = 100_000
"""Spaces up to this size are enumerated to find what is left."""


class Algorithm(ABC):
    """Proposes genomes and learns from ended trials.

    What it proposes depends on the space, the seed, the generation's number and the trials told, on nothing else:
    each generation draws from a generator of its own. Every genome asked is legal, admitted and new.

    Args:
        space: where to search.
        seed: owner of all draws.
        start: known genomes to ask for first, repaired, in this order; copies and those that the space does not admit
            are passed over, those that a generation has no room for come in the next.

    Attributes:
        patience: proposals in a row that may be known or refused before genomes are drawn at random instead.
    """

    patience = PATIENCE

    def __init__(self, space: SearchSpace, seed: int = 0, start: Sequence[Genome] = ()) -> None:
        self.space = space
        self.seed = seed
        self.start = tuple(dict.fromkeys(space.repair(genome) for genome in start))
        self._asked: set[Genome] = set()

    @final
    def ask(self, generation: int, n: int, weights: Weights | None = None) -> list[Genome]:
        """Up to n new genomes; fewer only when the space holds no more.

        Args:
            generation: its number, from 0.
            n: how many are wanted.
            weights: sampling weights of the values, one tuple a gene; None for equal ones.
        """
        rng = Random(f"{self.seed}-{generation}")
        first = [genome for genome in self.start if self._new(genome)]
        plan = iter([*first, *self.plan(generation, max(n - len(first), 0), rng)])
        asked: list[Genome] = []
        misses = 0
        while len(asked) < n and misses < PATIENCE:
            genome = next(plan, None)
            if genome is None:
                genome = self.propose(rng, weights) if misses < self.patience else self.space.draw(rng, weights)
            if self._new(genome):
                self._asked.add(genome)
                asked.append(genome)
                misses = 0
            else:
                misses += 1
        return asked + self._rest(n - len(asked), rng)

    def _new(self, genome: Genome) -> bool:
        return genome not in self._asked and self.space.admits(genome)

    def _rest(self, n: int, rng: Random) -> list[Genome]:
        """Up to n genomes of a space in which proposals find nothing new."""
        if n <= 0 or self.space.size > ENUMERABLE:
            return []
        left = sorted(genome for genome in set(self.space.every()) if self._new(genome))
        found = rng.sample(left, min(n, len(left)))
        self._asked.update(found)
        return found

    def plan(self, generation: int, n: int, rng: Random) -> list[Genome]:
        """Genomes to ask for before any proposal, in order: n spread evenly over the space in generation 0."""
        return self.space.fill(n, rng) if generation == 0 else []

    @abstractmethod
    def propose(self, rng: Random, weights: Weights | None) -> Genome:
        """One legal genome; it may be known already."""

    @abstractmethod
    def tell(self, trials: Sequence[Trial]) -> None:
        """Learn from a generation: for each candidate its trial at the highest rung that it reached."""
