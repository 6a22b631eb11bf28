"""A search space maps override keys to allowed values; a genome is a tuple of indices into them."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import isfinite, prod
from random import Random

from uniads.error import UserError

Value = str | int | float | bool | None
Genome = tuple[int, ...]
Point = dict[str, Value]
Weights = tuple[tuple[float, ...], ...]

_PLAIN = re.compile(r"(?!(?:null|true|false|nan|inf)\Z)[a-z_][\w./-]*", re.ASCII | re.IGNORECASE)
"""Text that Hydra reads as text without quotes."""


@dataclass(frozen=True)
class Dimension:
    """One gene: an override key and the values that it may take.

    Attributes:
        key: a Hydra override key, such as ``student.width`` or ``distance@distiller.logits.distance``.
        values: at least one value, no two equal (True is not 1), numbers finite; numbers alone are kept in ascending
            order.
    """

    key: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise UserError(f"the space gives {self.key!r} no value; give at least one, or remove the key")
        for value in self.values:
            if isinstance(value, float) and not isfinite(value):
                raise UserError(f"the space gives {self.key!r} the value {value}; numbers must be finite")
        if len(set(map(_identity, self.values))) < len(self.values):
            raise UserError(f"the space lists a value of {self.key!r} twice: {list(self.values)}; remove the copy")
        if self.ordinal:
            object.__setattr__(self, "values", tuple(sorted(self.values, key=float)))

    @property
    def ordinal(self) -> bool:
        """Whether the values are numbers, so that neighbours are alike and mutation can step between them."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)

    def index(self, value: Value) -> int:
        """Position of a value.

        Raises:
            UserError: the value is not listed.
        """
        position = self._positions.get(_identity(value))
        if position is None:
            raise UserError(f"{self.key!r} may be {list(self.values)} in this space, got {value!r}")
        return position

    @cached_property
    def _positions(self) -> dict[tuple[bool, Value], int]:
        return {_identity(value): position for position, value in enumerate(self.values)}


def spell(key: str, value: Value) -> str:
    """One override in Hydra's own grammar, from which Hydra reads the same value of the same type."""
    if value is None:
        return f"{key}=null"
    if isinstance(value, str):
        return f"{key}={value if _PLAIN.fullmatch(value) else _quoted(value)}"
    return f"{key}={str(value).lower()}"


def _quoted(text: str) -> str:
    """Text in quotes; a quote in it is escaped, and so are backslashes that stand before a quote."""
    return "'" + re.sub(r"(\\*)('|\Z)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text) + "'"


def _identity(value: Value) -> tuple[bool, Value]:
    """What makes values equal: 1 and 1.0 are, 1 and True are not."""
    return isinstance(value, bool), value


def _same(point: Point) -> Point:
    return point


class SearchSpace:
    """Genomes, points and overrides of one space, and the way between them.

    Args:
        dimensions: allowed values by override key.
        repair: maps any point to a legal one with the same keys, and legal points to themselves. Two points that are
            repaired to one are one candidate.
        admits: whether a legal point may be trained at all, such as a cap on parameters.
        active: whether a key has an effect at a point; overrides leave out those that have none.
        seeded: keys that draws leave at their first value; others come from warm starts, crossover and mutation.

    Raises:
        UserError: there is no dimension, or a dimension has no value or one twice.
    """

    def __init__(
        self,
        dimensions: Mapping[str, Sequence[Value]],
        repair: Callable[[Point], Point] = _same,
        admits: Callable[[Point], bool] | None = None,
        active: Callable[[Point, str], bool] | None = None,
        seeded: Collection[str] = (),
    ) -> None:
        self.dimensions = tuple(Dimension(key, tuple(values)) for key, values in dimensions.items())
        if not self.dimensions:
            raise UserError("the search space is empty; give it at least one key with two values")
        self._repair = repair
        self._admits = admits
        self._active = active or (lambda point, key: True)
        self._seeded = frozenset(seeded)

    @property
    def size(self) -> int:
        """Number of genomes before repair."""
        return prod(len(dimension.values) for dimension in self.dimensions)

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
        legal = self._repair({key: point[key] for key in keys})
        return tuple(dimension.index(legal[dimension.key]) for dimension in self.dimensions)

    def repaired(self, genome: Genome) -> Genome:
        """The legal genome that a genome stands for."""
        return self.genome(self.point(genome))

    def admits(self, genome: Genome) -> bool:
        """Whether a legal genome may be trained."""
        return self._admits is None or self._admits(self.point(genome))

    def overrides(self, genome: Genome) -> tuple[str, ...]:
        """A genome's spelling as Hydra overrides."""
        point = self.point(genome)
        return tuple(spell(key, value) for key, value in point.items() if self._active(point, key))

    def draw(self, rng: Random, weights: Weights | None = None) -> Genome:
        """A repaired genome; each gene is drawn by its weights, or evenly."""
        genes = []
        for position, dimension in enumerate(self.dimensions):
            weight = weights[position] if weights else None
            genes.append(0 if dimension.key in self._seeded else rng.choices(range(len(dimension.values)), weight)[0])
        return self.repaired(tuple(genes))

    def fill(self, n: int, rng: Random) -> list[Genome]:
        """Return n repaired genomes in which every gene takes its values about equally often (a Latin design)."""
        columns = []
        for dimension in self.dimensions:
            levels = 1 if dimension.key in self._seeded else len(dimension.values)
            column = [index % levels for index in range(n - n % levels)] + rng.sample(range(levels), n % levels)
            rng.shuffle(column)
            columns.append(column)
        return [self.repaired(genes) for genes in zip(*columns, strict=True)]

    def every(self) -> Iterator[Genome]:
        """All repaired genomes, copies included, in order."""
        for genes in product(*(range(len(dimension.values)) for dimension in self.dimensions)):
            yield self.repaired(genes)
