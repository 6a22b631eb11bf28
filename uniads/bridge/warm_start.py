"""Published distillers as the first candidates of a search: ``search.warm_start=[kd,at,sp,dist]``.

Few of them are points of a space of nodes: AT sums over taps, SP weighs 3000. They are taken as their files have them;
of all other genes they have the pair's own value, or the nearest that the space lists. The space gets one more gene,
``distiller``: the distiller whose nodes are searched, or a published one. While it names a published one, the genes of
the nodes are idle. Random draws leave the gene alone, so that the rest of the space is searched as without it, but for
the share ``search.prior`` of them. A published distiller spreads by crossover where it is good, and mutation may draw
one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from uniads.bridge.dressing import KEY
from uniads.bridge.student import is_of_student
from uniads.error import UserError
from uniads.search.dimension import is_number
from uniads.search.space import Genome, Point, SearchSpace, Switch, Value


@dataclass(frozen=True)
class WarmStart:
    """The distillers that a search starts with.

    Attributes:
        base: the distiller that all other candidates have.
        names: the published ones, in the order of their trials. Without any, the space gets no further gene.
        defaults: for each key of the space what it is, or which option is chosen, where no candidate sets it.
    """

    base: str
    names: tuple[str, ...]
    defaults: Mapping[str, Any]

    def dimensions(self) -> dict[str, list[Value]]:
        """The gene that is added to a space, if any; the base comes first."""
        return {KEY: [self.base, *(name for name in self.names if name != self.base)]} if self.names else {}

    def switches(self, values: Mapping[str, Sequence[Value]]) -> list[Switch]:
        """The switch of the gene, if there is one: a published distiller has no searched nodes.

        Args:
            values: what each key of the space may be.
        """
        genes = tuple(key for key in values if _is_of_distiller(key))
        published = tuple(name for name in self.names if name != self.base)
        return [Switch(KEY, published, genes)] if published and genes else []

    def genomes(self, space: SearchSpace) -> list[Genome]:
        """The candidates to begin with: each distiller, with all else as the configuration has it.

        The nearest stands for a number that the space does not list. Where that student is too large, the next smaller
        values stand for the student's numbers, until it is not: some distillers make it larger than it is.

        Raises:
            UserError: not even the smallest such student may be trained in this space.
        """
        return [space.genome({**self._own_point(space, name), KEY: name}) for name in self.names]

    def _own_point(self, space: SearchSpace, name: str) -> Point:
        """All but the distiller as the configuration has it, or as near to it as may be trained with this one."""
        dimensions = [dimension for dimension in space.dimensions if dimension.key != KEY]
        point = {d.key: nearest(self.defaults[d.key], d.values) for d in dimensions}
        sizes = {d.key: d.values for d in dimensions if is_of_student(d.key)}
        smaller = {key: nearest_below(self.defaults[key], values) for key, values in sizes.items()}
        for tried in (point, *_shrink(point | smaller, sizes)):
            if space.admits(space.genome({**tried, KEY: name})):
                return tried
        raise UserError(
            f"search.warm_start begins with the pair's own student, and with {name} it and all that are smaller in "
            f"every number have more parameters than search.max_params allows; raise it, or leave {name} out"
        )

    def lines(self, space: SearchSpace, candidates: int) -> list[str]:
        """What to tell a user about it.

        Args:
            space: that is searched.
            candidates: how many are asked for.
        """
        if not self.names:
            return []
        moved = []
        for key, value in self._own_point(space, self.names[0]).items():
            own = self.defaults[key]
            if not _is_of_distiller(key) and own is not None and own != value:
                moved.append(f"{key}={own} can't be trained here, {value} is the nearest")
        if candidates <= len(self.names):
            moved.append(f"search.candidates={candidates} leaves none to the space itself; raise it")
        note = f"; {'; '.join(moved)}" if moved else ""
        return [f"start    {', '.join(self.names)}: as published, with the pair's own student{note}"]


def _shrink(point: Point, sizes: Mapping[str, Sequence[Value]]) -> Iterator[Point]:
    """A point, then one number after the other at its next smaller listed value, round by round to the smallest."""
    yield point
    numbers = {key: sorted(v for v in values if is_number(v)) for key, values in sizes.items()}
    places = {key: values.index(now) for key, values in numbers.items() if is_number(now := point[key])}
    while any(places.values()):
        for key in [key for key, place in places.items() if place > 0]:
            places[key] -= 1
            point = point | {key: numbers[key][places[key]]}
            yield point


def _is_of_distiller(key: str) -> bool:
    return key.rpartition("@")[2].startswith(f"{KEY}.")


def nearest(value: Any, values: Sequence[Value]) -> Value:
    """The value itself where it is listed, else the nearest number, of positive ones by their ratio; else the first."""
    if value in values:
        return next(other for other in values if other == value)
    numbers = [v for v in values if is_number(v)]
    if not isinstance(value, int | float) or not numbers:
        return values[0]
    positive = value > 0 and all(v > 0 for v in numbers)
    return min(numbers, key=lambda v: abs(log(v / value)) if positive else abs(v - value))


def nearest_below(value: Any, values: Sequence[Value]) -> Value:
    """The largest number up to the value, else the smallest; what ``nearest`` says of anything but numbers."""
    numbers = [v for v in values if is_number(v)]
    if not is_number(value) or not numbers:
        return nearest(value, values)
    return max((v for v in numbers if v <= value), default=min(numbers))
