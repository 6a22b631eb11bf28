"""Search with a score that needs no training: only the genomes with the highest scores are trained."""

from collections.abc import Callable, Sequence
from random import Random
from typing import final

from uniads.error import UserError
from uniads.search.algorithm.base import Algorithm
from uniads.search.space import Genome, SearchSpace, Weights
from uniads.search.trial import Trial


def score_equally(genome: Genome) -> float:
    """The same score for every genome, which makes the search a random one."""
    return 0.0


@final
class DisWOT(Algorithm):
    """Each generation draws ``samples`` genomes evenly and asks for those with the highest scores, in order.

    It learns nothing from trials. Each genome is scored once.

    Source: Dong, Li and Wei, arXiv:2303.15678. Random draws replace its evolution, since the space that it searches
    holds only a few hundred students, most of which are drawn.

    Args:
        samples: genomes drawn in each generation, at least 1.
        score: score of a genome, higher is better; see ``uniads.bridge.diswot``.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        start: Sequence[Genome] = (),
        samples: int = 200,
        score: Callable[[Genome], float] = score_equally,
    ) -> None:
        super().__init__(space, seed, start)
        if samples < 1:
            raise UserError(f"search.algorithm.samples must be at least 1, got {samples}")
        self.samples, self.score = samples, score
        self._scores: dict[Genome, float] = {}

    def plan(self, generation: int, n: int, rng: Random) -> list[Genome]:
        spread = super().plan(generation, n, rng)
        drawn = dict.fromkeys([*spread, *(self.space.draw(rng) for _ in range(self.samples))])
        # Genomes with equal scores stay in the order of the draws: Python's sort is stable, also in reverse.
        return sorted(filter(self.space.admits, drawn), key=self._cached_score, reverse=True)

    def propose(self, rng: Random, weights: Weights | None) -> Genome:
        return self.space.draw(rng)

    def tell(self, trials: Sequence[Trial]) -> None:
        return None

    def _cached_score(self, genome: Genome) -> float:
        if genome not in self._scores:
            self._scores[genome] = self.score(genome)
        return self._scores[genome]
