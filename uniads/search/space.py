"""A search space maps override keys to allowed values; a genome is a tuple of indices into them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod
from random import Random

from uniads.error import UserError
from uniads.search.dimension import Dimension, Value, identify, spell
from uniads.search.prior import Prior
from uniads.search.switch import Switch, check_switches

__all__ = ["Dimension", "Genome", "Point", "SearchSpace", "Switch", "Value", "Weights", "spell"]

Genome = tuple[int, ...]
Point = dict[str, Value]
Weights = tuple[tuple[float, ...], ...]


class SearchSpace:
    """Translates between the genomes, points and overrides of one space, and draws genomes.

    A gene is idle at a point if it has no effect there. Its value is then replaced by its first one, so that points
    that mean the same are one candidate.

    Args:
        dimensions: allowed values by override key.
        repair: maps any point to a legal one with the same keys, and legal points to themselves. Two points that are
            repaired to one are one candidate. It is given points whose idle genes have their first value.
        admits: whether a legal point may be trained at all, such as a cap on parameters.
        switches: say which genes are idle at which points. They are applied in this order. A switch whose own gene is
            idle does nothing.
        seeded: keys that even draws leave at their first value. Their other values come from the prior, warm starts,
            crossover and mutation.
        prior: where a share of random draws lies; None for even draws only.

    Raises:
        UserError: there is no dimension, or a dimension has no value or one twice, or a switch or the prior does not
            fit.
    """

    def __init__(
        self,
        dimensions: Mapping[str, Sequence[Value]],
        repair: Callable[[Point], Point] | None = None,
        admits: Callable[[Point], bool] | None = None,
        switches: Sequence[Switch] = (),
        seeded: Collection[str] = (),
        prior: Prior | None = None,
    ) -> None:
        for key, values in dimensions.items():
            _refuse_range(key, values)
        self.dimensions = tuple(Dimension(key, tuple(values)) for key, values in dimensions.items())
        if not self.dimensions:
            raise UserError("the search space is empty; give it at least one key with two values")
        self.switches = tuple(switches)
        check_switches(self.switches, self.dimensions)
        self._off_values = [frozenset(map(identify, switch.values)) for switch in self.switches]
        self._repair = repair
        self._admits = admits
        self._seeded = frozenset(position for position, d in enumerate(self.dimensions) if d.key in seeded)
        self._centres = prior.locate(self.dimensions) if prior else []
        self._prior = prior if prior and prior.share else None

    @property
    def size(self) -> int:
        """Number of genomes before repair."""
        return prod(len(dimension.values) for dimension in self.dimensions)

    @cached_property
    def optional_genes(self) -> frozenset[int]:
        """Positions of the genes that are idle in some genome."""
        keys = {key for switch in self.switches for key in switch.idle}
        return frozenset(position for position, dimension in enumerate(self.dimensions) if dimension.key in keys)

    @property
    def free_positions(self) -> tuple[int, ...]:
        """Positions of the genes that random draws set."""
        named = {place for centre in self._centres for place in centre} if self._prior else set()
        return tuple(place for place in range(len(self.dimensions)) if place not in self._seeded or place in named)

    def point(self, genome: Genome) -> Point:
        """The values that a genome stands for."""
        return {dimension.key: dimension.values[gene] for dimension, gene in zip(self.dimensions, genome, strict=True)}

    def genome(self, point: Mapping[str, Value]) -> Genome:
        """The repaired genome of a point.

        Raises:
            UserError: the point has other keys than the space, or a value that the space does not list.
        """
        keys = [dimension.key for dimension in self.dimensions]
        if set(point) != set(keys):
            raise UserError(f"a point of this space has the keys {keys}, got {list(point)}")
        legal = self._reset_idle({key: point[key] for key in keys})
        if self._repair:
            legal = self._reset_idle(self._repair(legal))
        return tuple(dimension.index(legal[dimension.key]) for dimension in self.dimensions)

    def repair(self, genome: Genome) -> Genome:
        """The legal genome that a genome stands for."""
        return self.genome(self.point(genome))

    def admits(self, genome: Genome) -> bool:
        """Whether a legal genome may be trained."""
        return self._admits is None or self._admits(self.point(genome))

    def effective_genome(self, genome: Genome) -> Genome:
        """The genome as an analysis must see it: an idle gene has one more value, which comes after all listed ones."""
        idle = self._idle_keys(self.point(genome))
        pairs = zip(self.dimensions, genome, strict=True)
        return tuple(len(dimension.values) if dimension.key in idle else gene for dimension, gene in pairs)

    def overrides(self, genome: Genome, idle: bool = False) -> tuple[str, ...]:
        """A genome's spelling as Hydra overrides.

        Args:
            genome: a legal genome.
            idle: whether to spell its idle genes too.
        """
        point = self.point(genome)
        left_out = set() if idle else self._idle_keys(point)
        return tuple(spell(key, value) for key, value in point.items() if key not in left_out)

    def draw(self, rng: Random, weights: Weights | None = None) -> Genome:
        """A repaired genome: near a centre by the prior's share, else each gene by its weights, or evenly."""
        genes = []
        for position, dimension in enumerate(self.dimensions):
            weight = weights[position] if weights else None
            genes.append(0 if position in self._seeded else rng.choices(range(len(dimension.values)), weight)[0])
        if self._prior and rng.random() < self._prior.share:
            genes = self._prior.pull(genes, rng.choice(self._centres), self._seeded, rng)
        return self.repair(tuple(genes))

    def fill(self, n: int, rng: Random) -> list[Genome]:
        """Return n repaired genomes in which every gene takes its values about equally often (a Latin design).

        Then the prior's share of them is moved near its centres, about as many near each.
        """
        columns = []
        for position, dimension in enumerate(self.dimensions):
            levels = 1 if position in self._seeded else len(dimension.values)
            column = [index % levels for index in range(n - n % levels)] + rng.sample(range(levels), n % levels)
            rng.shuffle(column)
            columns.append(column)
        rows = [list(genes) for genes in zip(*columns, strict=True)]
        if self._prior:
            for turn, place in enumerate(rng.sample(range(n), round(self._prior.share * n))):
                centre = self._centres[turn % len(self._centres)]
                rows[place] = self._prior.pull(rows[place], centre, self._seeded, rng)
        return [self.repair(tuple(genes)) for genes in rows]

    def every(self) -> Iterator[Genome]:
        """All repaired genomes in order. A genome to which others are repaired is repeated."""
        for genes in product(*(range(len(dimension.values)) for dimension in self.dimensions)):
            yield self.repair(genes)

    def _idle_keys(self, point: Point) -> set[str]:
        """Keys that have no effect at a point."""
        idle: set[str] = set()
        for switch, off_values in zip(self.switches, self._off_values, strict=True):
            if switch.key not in idle and identify(point[switch.key]) in off_values:
                idle.update(switch.idle)
        return idle

    def _reset_idle(self, point: Point) -> Point:
        """The point with the first value of every idle gene."""
        idle = self._idle_keys(point)
        return point | {dimension.key: dimension.values[0] for dimension in self.dimensions if dimension.key in idle}


def _refuse_range(key: str, values: Sequence[Value]) -> None:
    """Refuse a pair that looks like the ends of a range, of which two values would be left.

    Raises:
        UserError: it is a tuple of two numbers, one of them a float.
    """
    numbers = isinstance(values, tuple) and len(values) == 2 and all(type(value) in (int, float) for value in values)
    if numbers and float in map(type, values):
        raise UserError(
            f"the space gives {key!r} the tuple {values}, which looks like a range, and a space lists values: write "
            f"{[*values]} for these two alone, or all that may be taken, such as [0.0001, 0.001, 0.01, 0.1]"
        )
