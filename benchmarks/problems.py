"""Discrete problems with two measures and a known scale, to compare search algorithms on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import log, sqrt
from random import Random

from uniads.search import Point, SearchSpace, Value

Pair = tuple[float, float]


@dataclass(frozen=True)
class Problem:
    """A space, and two values to minimise for each of its points.

    Attributes:
        name: of the problem.
        space: where to search.
        values: of a point.
        reference: values so bad that they no longer count; bounds the hypervolume.
    """

    name: str
    space: SearchSpace
    values: Callable[[Point], Pair]
    reference: Pair


def grid(seed: int) -> Problem:
    """ZDT1 on a grid: 12 ordered genes of 11 levels, a convex front, no interaction. The same for every seed.

    Source: Zitzler, Deb and Thiele 2000, doi:10.1162/106365600568202.
    """
    space = SearchSpace({f"x{position:02d}": range(11) for position in range(12)})

    def values(point: Point) -> Pair:
        first, *others = (float(str(value)) / 10 for value in point.values())
        g = 1 + 9 * sum(others) / len(others)
        return first, g * (1 - sqrt(first / g))

    return Problem("grid", space, values, (1.1, 7.0))


def distillation(seed: int) -> Problem:
    """A space like the paper's: a loss with pairs that collapse, and the distance of a size to a target.

    Three depths, a width, and for each of two kinds of knowledge a transform, a distance, a weight and a temperature.
    Effects and interactions of transforms and distances are drawn from the seed; 18 % of their pairs collapse, which
    adds 1.5 nats. Weight and temperature have an optimum that depends on the distance.
    """
    rng = Random(f"distillation-{seed}")
    transforms, distances = [f"t{i}" for i in range(12)], [f"d{i}" for i in range(8)]
    weights, taus = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 16, 50, 100], [1, 4, 8, 16]
    kinds = ("feature", "logits")
    node: dict[str, Sequence[Value]] = {
        "transform": transforms, "distance": distances, "weight": weights, "tau": taus,
    }  # fmt: skip
    genes: dict[str, Sequence[Value]] = {f"blocks.{stage}": [1, 3, 5, 7] for stage in range(3)} | {
        "width": [0.5, 1, 1.5, 2]
    }
    space = SearchSpace(genes | {f"{kind}.{key}": values for kind in kinds for key, values in node.items()})
    pairs = [(kind, *pair) for kind in kinds for pair in product(transforms, distances)]
    effect = {pair: rng.gauss(0, 0.12) for pair in pairs}
    single = {(kind, name): rng.gauss(0, 0.15) for kind in kinds for name in transforms + distances}
    collapsed = {pair for pair in pairs if rng.random() < 0.18}
    best = {(kind, name): (rng.choice(weights), rng.choice(taus)) for kind in kinds for name in distances}

    def values(point: Point) -> Pair:
        blocks = [float(str(point[f"blocks.{stage}"])) for stage in range(3)]
        params = sum(count * 4**stage for stage, count in enumerate(blocks)) * float(str(point["width"])) ** 2
        loss = 1 + 2.5 / log(10 + params) + 0.05 * abs(blocks[0] - blocks[2]) / 6
        for kind in kinds:
            transform, distance = str(point[f"{kind}.transform"]), str(point[f"{kind}.distance"])
            weight, tau = best[kind, distance]
            loss += single[kind, transform] + single[kind, distance] + effect[kind, transform, distance]
            loss += 1.5 * ((kind, transform, distance) in collapsed)
            loss += 0.04 * abs(log(float(str(point[f"{kind}.weight"])) / weight))
            loss += 0.08 * abs(log(float(str(point[f"{kind}.tau"])) / tau))
        return loss, abs(params - 60) / 60

    return Problem("distillation", space, values, (3.5, 1.5))


def mixed(seed: int) -> Problem:
    """Eight ordered genes and six categories, a concave front, and neighbours in a ring of categories that interact.

    The trade-off is ZDT2's; what keeps a point off the front is the distance of the ordered genes from an optimum, and
    a table for each two neighbouring categories. Optimum and tables are drawn from the seed.
    """
    rng = Random(f"mixed-{seed}")
    levels = [4, 6, 8, 10, 12, 6, 8, 16]
    choices = [[f"c{i}" for i in range(count)] for count in (3, 4, 5, 6, 7, 8)]
    numbers: dict[str, Sequence[Value]] = {f"n{position}": range(count) for position, count in enumerate(levels)}
    names: dict[str, Sequence[Value]] = {f"k{position}": names for position, names in enumerate(choices)}
    space = SearchSpace(numbers | names)
    wanted = [rng.randrange(count) for count in levels]
    ring = [(position, (position + 1) % len(choices)) for position in range(len(choices))]
    tables = [{pair: rng.random() for pair in product(choices[one], choices[other])} for one, other in ring]

    def values(point: Point) -> Pair:
        genes = [int(str(point[f"n{position}"])) for position in range(len(levels))]
        off = [abs(gene - w) / (count - 1) for gene, w, count in zip(genes, wanted, levels, strict=True)]
        first = genes[-1] / (levels[-1] - 1)
        cost = sum(table[str(point[f"k{i}"]), str(point[f"k{j}"])] for (i, j), table in zip(ring, tables, strict=True))
        g = 1 + 4 * sum(off[:-1]) / len(off[:-1]) + 4 * cost / len(ring)
        return first, g * (1 - (first / g) ** 2)

    return Problem("mixed", space, values, (1.1, 7.0))


PROBLEMS = (grid, distillation, mixed)
