"""How children come from parents: genes that are numbers step to a neighbour, categories are drawn anew."""

from collections.abc import Sequence
from random import Random

from uniads.search.space import Dimension, Genome, Weights


def crossed(mother: Genome, father: Genome, rng: Random) -> Genome:
    """Uniform crossover: each gene comes from either parent with probability 1/2."""
    return tuple(rng.choice(genes) for genes in zip(mother, father, strict=True))


def mutated(dimension: Dimension, gene: int, rng: Random, weights: Sequence[float] | None = None) -> int:
    """A gene's level after a mutation: a neighbour where levels are ordered, else any, drawn by its weight.

    Args:
        dimension: the gene's levels.
        gene: its level now.
        rng: drawn from.
        weights: of the levels; None for equal ones.
    """
    levels = range(len(dimension.values))
    if dimension.ordinal:
        near = [level for level in (gene - 1, gene + 1) if level in levels]
        return rng.choice(near) if near else gene
    return rng.choices(levels, weights)[0]


def weights_of(weights: Weights | None, position: int) -> Sequence[float] | None:
    """The weights of one gene's levels."""
    return weights[position] if weights else None
