"""Which genes of a genome have an effect: a term of weight 0 has none, whatever its other genes say."""

from uniads.search.space import Genome, SearchSpace


def switches(space: SearchSpace) -> dict[int, int]:
    """For each gene that can be without effect, the position of the weight that switches it off when it is 0."""
    keys = [dimension.key.rpartition("@")[2] for dimension in space.dimensions]
    paths = {
        position: keys[position].removesuffix("weight")
        for position, dimension in enumerate(space.dimensions)
        if keys[position].endswith(".weight") and 0 in dimension.values
    }
    return {
        gene: weight
        for gene, key in enumerate(keys)
        for weight, path in paths.items()
        if gene != weight and key.startswith(path)
    }


def effective(space: SearchSpace, genome: Genome) -> Genome:
    """The genome, with one more value, after all others, for the genes that are without effect."""
    off = switches(space)
    return tuple(
        len(space.dimensions[gene].values) if gene in off and _weight(space, genome, off[gene]) == 0 else index
        for gene, index in enumerate(genome)
    )


def _weight(space: SearchSpace, genome: Genome, gene: int) -> object:
    return space.dimensions[gene].values[genome[gene]]
