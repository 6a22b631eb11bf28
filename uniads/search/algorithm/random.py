"""Random search."""

from collections.abc import Sequence
from random import Random as Generator
from typing import final

from uniads.search.algorithm.base import Algorithm
from uniads.search.space import Genome, Weights
from uniads.search.trial import Trial


@final
class Random(Algorithm):
    """Draws every gene evenly and learns nothing. It is the baseline for all other algorithms.

    Source: Bergstra and Bengio, JMLR 13 (2012) 281-305.
    """

    def propose(self, rng: Generator, weights: Weights | None) -> Genome:
        return self.space.draw(rng)

    def tell(self, trials: Sequence[Trial]) -> None:
        return None
