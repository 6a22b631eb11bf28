"""Crossover of two genomes, and mutation of one gene."""

from collections.abc import Sequence
from random import Random

from uniads.search.space import Dimension, Genome, Weights


def cross_genomes(mother: Genome, father: Genome, rng: Random) -> Genome:
    """Uniform crossover: each gene comes from either parent with probability 1/2."""
    return tuple(rng.choice(genes) for genes in zip(mother, father, strict=True))


def mutate_gene(dimension: Dimension, gene: int, rng: Random, weights: Sequence[float] | None = None) -> int:
    """The mutation of a gene: a number steps to a neighbouring value, a category is drawn by its weight.

    Args:
        dimension: the gene's values.
        gene: position of its value.
        rng: the generator to draw from.
        weights: sampling weights of the values; None for equal ones.

    Returns:
        Position of the new value; a category may be drawn again, and a number that has no neighbour stays.
    """
    positions = range(len(dimension.values))
    if dimension.ordinal:
        near = [position for position in (gene - 1, gene + 1) if position in positions]
        return rng.choice(near) if near else gene
    return rng.choices(positions, weights)[0]


def gene_weights(weights: Weights | None, position: int) -> Sequence[float] | None:
    """The sampling weights of the values of one gene."""
    return weights[position] if weights else None
