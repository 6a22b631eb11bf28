"""Numbers of a candidate that no epoch changes, such as its parameters."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from uniads.search.replay.forest import Array, Forest, Polynomial, Told
from uniads.search.space import Genome, SearchSpace


class Fixed:
    """A number that the architecture alone decides.

    Args:
        space: of the genomes.
        told: recorded numbers.
        architecture: prefix of the genes that decide it.
        seed: of the forest, if it takes one.
    """

    def __init__(self, space: SearchSpace, told: Told, architecture: str, seed: int) -> None:
        named = [at for at, dimension in enumerate(space.dimensions) if dimension.key.startswith(architecture)]
        self._genes = named or list(range(len(space.dimensions)))
        self._dimensions = [space.dimensions[at] for at in self._genes]
        self.known = {self._part(genome): number for genome, number in told.items()}
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
        parts = [self._part(genome) for genome in genomes]
        new = [part for part in dict.fromkeys(parts) if part not in self.known]
        if new:
            self.known |= dict(zip(new, self._guessed(new), strict=True))
        return [self.known[part] for part in parts]

    @cached_property
    def _forest(self) -> Forest:
        """What answers where no formula does."""
        space = SearchSpace({dimension.key: dimension.values for dimension in self._dimensions})
        return Forest(space, dict(self.known), self._seed)

    def _guessed(self, parts: Sequence[Genome]) -> list[float]:
        """Whole numbers for architectures that were not recorded."""
        guesses = self._rule.predict(self._values(parts)) if self._rule else self._forest.predict(parts)
        return [float(round(guess)) for guess in guesses]

    def _part(self, genome: Genome) -> Genome:
        return tuple(genome[at] for at in self._genes)

    def _values(self, parts: Sequence[Genome]) -> Array:
        return np.array(
            [[float(str(d.values[gene])) for d, gene in zip(self._dimensions, part, strict=True)] for part in parts]
        )
