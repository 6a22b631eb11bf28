"""Where good points are believed to lie before anything is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from uniads.error import UserError
from uniads.search.dimension import Dimension, Value


@dataclass(frozen=True)
class Prior:
    """A share of random draws lies near one of some centres; all others are even.

    A draw near a centre has each of the centre's values with probability ``keep``, and is even in all else. The prior
    speaks where draws are random, at the start above all; selection then goes by what was found.

    Source: mixtures of a prior and even draws, PriorBand, Mallik et al., arXiv:2306.12370.

    Args:
        centres: values of some genes each, by key; drawn from evenly.
        share: of the draws, 0 to 1.
        keep: probability of each value of a centre, 0 to 1.

    Raises:
        UserError: a number is not from 0 to 1, or there is a share but no centre.
    """

    centres: Sequence[Mapping[str, Value]]
    share: float
    keep: float = 0.75

    def __post_init__(self) -> None:
        for name, number in (("share", self.share), ("keep", self.keep)):
            if not 0 <= number <= 1:
                raise UserError(f"the {name} of a prior must be from 0 to 1, got {number}")
        if self.share and not self.centres:
            raise UserError(f"a prior with the share {self.share} needs a centre; give one, or the share 0")

    def locate(self, dimensions: Sequence[Dimension]) -> list[dict[int, int]]:
        """The centres as positions of genes and of their values.

        Raises:
            UserError: a centre names a gene or a value that there is not.
        """
        places = {dimension.key: position for position, dimension in enumerate(dimensions)}
        located = []
        for centre in self.centres:
            if unknown := [key for key in centre if key not in places]:
                raise UserError(f"a centre of the prior names the gene {unknown[0]!r}; there are {[*places]}")
            located.append({places[key]: dimensions[places[key]].index(value) for key, value in centre.items()})
        return located

    def pull(self, genes: Sequence[int], centre: Mapping[int, int], always: frozenset[int], rng: Random) -> list[int]:
        """An even draw, moved near a centre.

        Args:
            genes: the draw.
            centre: one of those that ``locate`` gave.
            always: positions that take the centre's value in any case.
            rng: the generator to draw from.
        """
        return [
            centre[place] if place in centre and (place in always or rng.random() < self.keep) else gene
            for place, gene in enumerate(genes)
        ]
