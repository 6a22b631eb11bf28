"""A search space maps override keys to allowed values; a genome is a tuple of indices into them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod
from random import Random

from uniads.error import UserError
from uniads.search.dimension import Dimension, Value, identify, spell
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
        priors: for some keys the share of random draws, 0 to 1, that take any but its first value. At 0 those values
            come from warm starts, crossover and mutation only.

    Raises:
        UserError: there is no dimension, or a dimension has no value or one twice, or a switch or a prior does not fit.
    """

    def __init__(
        self,
        dimensions: Mapping[str, Sequence[Value]],
        repair: Callable[[Point], Point] | None = None,
        admits: Callable[[Point], bool] | None = None,
        switches: Sequence[Switch] = (),
        priors: Mapping[str, float] | None = None,
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
        self._priors = dict(priors or {})
        _check_priors(self._priors, self.dimensions)

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
        return tuple(position for position, d in enumerate(self.dimensions) if self._priors.get(d.key, 1) > 0)

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
        """A repaired genome; each gene is drawn by its prior, else by its weights, else evenly."""
        genes = []
        for position, dimension in enumerate(self.dimensions):
            values = range(len(dimension.values))
            prior = self._priors.get(dimension.key)
            if prior is None:
                genes.append(rng.choices(values, weights[position] if weights else None)[0])
            else:
                genes.append(rng.choice(values[1:]) if prior and rng.random() < prior else 0)
        return self.repair(tuple(genes))

    def fill(self, n: int, rng: Random) -> list[Genome]:
        """Return n repaired genomes in which every gene takes its values about equally often (a Latin design).

        Of a gene with a prior the values but the first share the prior's part of the n.
        """
        columns = []
        for dimension in self.dimensions:
            values, prior = range(len(dimension.values)), self._priors.get(dimension.key)
            if prior is None:
                column = _spread(values, n, rng)
            else:
                taken = round(prior * n)
                column = [0] * (n - taken) + (_spread(values[1:], taken, rng) if taken else [])
            rng.shuffle(column)
            columns.append(column)
        return [self.repair(genes) for genes in zip(*columns, strict=True)]

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


def _spread(values: Sequence[int], n: int, rng: Random) -> list[int]:
    """N values, each about equally often."""
    levels = len(values)
    return [values[index % levels] for index in range(n - n % levels)] + rng.sample(values, n % levels)


def _check_priors(priors: Mapping[str, float], dimensions: Sequence[Dimension]) -> None:
    """Refuse what can't be a prior.

    Raises:
        UserError: a key has no dimension or only one value, or a share is not from 0 to 1.
    """
    choices = {dimension.key: len(dimension.values) for dimension in dimensions}
    for key, prior in priors.items():
        if not 0 <= prior <= 1:
            raise UserError(f"the prior of {key!r} must be a share from 0 to 1, got {prior}")
        if choices.get(key, 0) < 2 and (prior or key not in choices):
            raise UserError(f"the prior of {key!r} needs a gene with at least two values; the genes are {[*choices]}")


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
