"""The contract of every search algorithm: it proposes genomes (ask) and learns from ended trials (tell)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import final

from uniads.search.space import Genome, SearchSpace, Weights
from uniads.search.trial import Trial

PATIENCE = 2_000
"""Genomes in a row that may be known or not admitted. After them, what is left of a small space is enumerated."""

ENUMERABLE = 100_000
"""Largest space that is enumerated to find the genomes that are left."""


class Algorithm(ABC):
    """Proposes genomes and learns from ended trials.

    Proposals depend only on the space, the seed, the number of the generation, the sampling weights and the trials that
    ``tell`` was given. Each generation has a random generator of its own. Every genome is legal, admitted and new.

    Args:
        space: where to search.
        seed: seed of all random draws.
        start: genomes to propose first, in this order; they are repaired. Copies and genomes that the space does not
            admit are left out. Those that a generation has no room for come in the next one.

    Attributes:
        patience: proposals in a row that may be known or not admitted. After them genomes are drawn at random.
    """

    patience = PATIENCE

    def __init__(self, space: SearchSpace, seed: int = 0, start: Sequence[Genome] = ()) -> None:
        self.space = space
        self.seed = seed
        self.start = tuple(dict.fromkeys(space.repair(genome) for genome in start))
        self._proposed: set[Genome] = set()

    @final
    def ask(self, generation: int, n: int, weights: Weights | None = None) -> list[Genome]:
        """Up to n new genomes; fewer only when the space holds no more.

        Args:
            generation: number of the generation, from 0.
            n: how many are wanted.
            weights: sampling weights of the values, one tuple for each gene; None for equal ones.
        """
        rng = Random(f"{self.seed}-{generation}")
        start = [genome for genome in self.start if self._is_new(genome)]
        plan = iter([*start, *self.plan(generation, max(n - len(start), 0), rng)])
        genomes: list[Genome] = []
        misses = 0
        while len(genomes) < n and misses < PATIENCE:
            genome = next(plan, None)
            if genome is None:
                genome = self.propose(rng, weights) if misses < self.patience else self.space.draw(rng, weights)
            if self._is_new(genome):
                self._proposed.add(genome)
                genomes.append(genome)
                misses = 0
            else:
                misses += 1
        return genomes + self._draw_rest(n - len(genomes), rng)

    @final
    def is_known(self, genome: Genome) -> bool:
        """Whether a genome was asked for."""
        return genome in self._proposed

    def _is_new(self, genome: Genome) -> bool:
        return not self.is_known(genome) and self.space.admits(genome)

    def _draw_rest(self, n: int, rng: Random) -> list[Genome]:
        """Up to n new genomes of a small space in which proposals find nothing new any more."""
        if n <= 0 or self.space.size > ENUMERABLE:
            return []
        left = sorted(genome for genome in set(self.space.every()) if self._is_new(genome))
        genomes = rng.sample(left, min(n, len(left)))
        self._proposed.update(genomes)
        return genomes

    def plan(self, generation: int, n: int, rng: Random) -> list[Genome]:
        """Genomes to ask for before any proposal, in order: in generation 0, n that spread evenly over the space."""
        return self.space.fill(n, rng) if generation == 0 else []

    @abstractmethod
    def propose(self, rng: Random, weights: Weights | None) -> Genome:
        """One legal genome; it need not be new."""

    def observe(self, trials: Sequence[Trial]) -> None:
        """Look at the ended trials of one rung, before it is known who goes on; most algorithms wait for ``tell``."""
        return

    @abstractmethod
    def tell(self, trials: Sequence[Trial]) -> None:
        """Learn from a generation.

        Args:
            trials: for each candidate its trial at the highest rung that it reached.
        """
