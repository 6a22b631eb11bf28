"""Training-free search: only the genomes with the best scores are trained."""

from collections.abc import Callable, Sequence
from random import Random
from typing import final

from uniads.error import UserError
from uniads.search.algorithm.base import Algorithm
from uniads.search.space import Genome, SearchSpace, Weights
from uniads.search.trial import Trial


def even(genome: Genome) -> float:
    """A score that knows no better: with it the search is a random one."""
    return 0.0


@final
class DisWOT(Algorithm):
    """Each generation draws ``samples`` genomes evenly and asks for those with the highest scores, in order.

    It learns nothing from trials. The score costs no training, and each genome is scored once.

    Source: Dong, Li and Wei, arXiv:2303.15678, with random draws in place of its evolution: what it
    searches holds a few hundred students, most of which are drawn.

    Args:
        samples: genomes drawn a generation, at least 1.
        score: of a genome, higher is better; see ``uniads.bridge.diswot``.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        start: Sequence[Genome] = (),
        samples: int = 200,
        score: Callable[[Genome], float] = even,
    ) -> None:
        super().__init__(space, seed, start)
        if samples < 1:
            raise UserError(f"search.algorithm.samples must be at least 1, got {samples}")
        self.samples, self.score = samples, score
        self._scores: dict[Genome, float] = {}

    def plan(self, generation: int, n: int, rng: Random) -> list[Genome]:
        spread = super().plan(generation, n, rng)
        drawn = dict.fromkeys([*spread, *(self.space.draw(rng) for _ in range(self.samples))])
        # Equal scores stay in the order drawn: Python's sort is stable, also in reverse.
        return sorted(filter(self.space.admits, drawn), key=self._scored, reverse=True)

    def propose(self, rng: Random, weights: Weights | None) -> Genome:
        return self.space.draw(rng)

    def tell(self, trials: Sequence[Trial]) -> None:
        return None

    def _scored(self, genome: Genome) -> float:
        if genome not in self._scores:
            self._scores[genome] = self.score(genome)
        return self._scores[genome]
