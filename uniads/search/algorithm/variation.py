"""How children come from parents: genes that are numbers step to a neighbour, categories are drawn anew."""

from collections.abc import Sequence
from random import Random

from uniads.search.space import Dimension, Genome, Weights


def crossed(mother: Genome, father: Genome, rng: Random) -> Genome:
    """Uniform crossover: each gene comes from either parent with probability 1/2."""
    return tuple(rng.choice(genes) for genes in zip(mother, father, strict=True))


def changed(dimension: Dimension, gene: int, rng: Random, weights: Sequence[float] | None = None) -> int:
    """Another level of a gene: a neighbour where levels are ordered, else one drawn by its weight.

    A gene with one level stays as it is.

    Args:
        dimension: the gene's levels.
        gene: its level now.
        rng: drawn from.
        weights: of the levels; None for equal ones.
    """
    if dimension.ordinal:
        levels = [level for level in (gene - 1, gene + 1) if 0 <= level < len(dimension.values)]
        return rng.choice(levels) if levels else gene
    levels = [level for level in range(len(dimension.values)) if level != gene]
    return rng.choices(levels, [weights[level] for level in levels] if weights else None)[0] if levels else gene


def weights_of(weights: Weights | None, position: int) -> Sequence[float] | None:
    """The weights of one gene's levels."""
    return weights[position] if weights else None
