"""Which genes of a genome have an effect.

A term of weight 0 has none, whatever its other genes say; and a published distiller that a search was started with
leaves the genes of the searched one idle.
"""

from dataclasses import dataclass

from uniads.search.space import Genome, SearchSpace

DISTILLER = "distiller"


@dataclass(frozen=True)
class Switch:
    """A gene that makes others idle.

    Attributes:
        gene: its position.
        values: positions of its values that do so.
        idle: positions of the genes that are then without effect.
    """

    gene: int
    values: frozenset[int]
    idle: frozenset[int]


def switches(space: SearchSpace) -> list[Switch]:
    """The genes of a space that can make others idle."""
    keys = [dimension.key.rpartition("@")[2] for dimension in space.dimensions]
    found = []
    for gene, dimension in enumerate(space.dimensions):
        if dimension.key == DISTILLER:  # the first value is the one that is searched
            path, values = f"{DISTILLER}.", frozenset(range(1, len(dimension.values)))
        elif keys[gene].endswith(".weight") and 0 in dimension.values:
            path, values = keys[gene].removesuffix("weight"), frozenset([dimension.index(0)])
        else:
            continue
        idle = frozenset(other for other, key in enumerate(keys) if other != gene and key.startswith(path))
        found.append(Switch(gene, values, idle))
    return found


def optional(space: SearchSpace) -> frozenset[int]:
    """Positions of the genes that can be without effect."""
    return frozenset[int]().union(*(switch.idle for switch in switches(space)))


def effective(space: SearchSpace, genome: Genome) -> Genome:
    """The genome, with one more value, after all others, for the genes that are without effect."""
    pressed = (switch.idle for switch in switches(space) if genome[switch.gene] in switch.values)
    idle = frozenset[int]().union(*pressed)
    return tuple(len(space.dimensions[gene].values) if gene in idle else index for gene, index in enumerate(genome))
