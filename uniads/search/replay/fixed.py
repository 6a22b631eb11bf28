"""Numbers of a candidate that do not depend on its training, such as its parameters."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from uniads.search.replay.forest import Array, Forest, NumberOf, Polynomial
from uniads.search.space import Genome, SearchSpace


class Fixed:
    """A number that depends on the architecture alone.

    It is looked up for recorded architectures. For others it follows from a polynomial if one is exact, and else from a
    forest.

    Args:
        space: space of the genomes.
        recorded: recorded number of each genome.
        architecture: prefix of the keys of the architecture's genes; if no key has it, all genes count.
        seed: seed of the forest.
    """

    def __init__(self, space: SearchSpace, recorded: NumberOf, architecture: str, seed: int) -> None:
        positions = [i for i, dimension in enumerate(space.dimensions) if dimension.key.startswith(architecture)]
        self._genes = positions or list(range(len(space.dimensions)))
        self._dimensions = [space.dimensions[position] for position in self._genes]
        self.known = {self._select_genes(genome): number for genome, number in recorded.items()}
        self._rule: Polynomial | None = None
        if all(dimension.ordinal for dimension in self._dimensions):
            rule = Polynomial(self._values(list(self.known)), np.array(list(self.known.values())))
            self._rule = rule if rule.exact else None
        self._seed = seed

    @property
    def origin(self) -> str:
        """Where the number comes from."""
        return "exact, a polynomial in the architecture" if self._rule else "looked up, or predicted by a forest"

    def predict(self, genomes: Sequence[Genome]) -> list[float]:
        """The number of each genome."""
        parts = [self._select_genes(genome) for genome in genomes]
        new = [part for part in dict.fromkeys(parts) if part not in self.known]
        if new:
            self.known |= dict(zip(new, self._estimate(new), strict=True))
        return [self.known[part] for part in parts]

    @cached_property
    def _forest(self) -> Forest:
        """Estimates the number if no polynomial is exact."""
        space = SearchSpace({dimension.key: dimension.values for dimension in self._dimensions})
        return Forest(space, dict(self.known), self._seed)

    def _estimate(self, parts: Sequence[Genome]) -> list[float]:
        """Estimated numbers of architectures that were not recorded, rounded to whole ones."""
        estimates = self._rule.predict(self._values(parts)) if self._rule else self._forest.predict(parts)
        return [float(round(estimate)) for estimate in estimates]

    def _select_genes(self, genome: Genome) -> Genome:
        return tuple(genome[position] for position in self._genes)

    def _values(self, parts: Sequence[Genome]) -> Array:
        return np.array(
            [[float(str(d.values[gene])) for d, gene in zip(self._dimensions, part, strict=True)] for part in parts]
        )
