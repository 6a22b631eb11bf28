"""Published distillers as the first candidates of a search: ``search.warm_start=[kd,at,sp,dist]``.

Few of them are points of a space of nodes: AT sums over taps, SP weighs 3000. Nothing is rounded. The space gets one
more gene, ``distiller``: the distiller whose nodes are searched, or a published one as its file has it. While it names
a published one, the genes of the nodes are idle. Random draws leave the gene alone, so that the rest of the space is
searched as ever; a published distiller spreads where it is good, by crossover, and mutation may draw one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import log
from typing import Any

from omegaconf import DictConfig, OmegaConf
from typing_extensions import Self

from uniads.error import UserError
from uniads.search.space import Genome, SearchSpace, Switch, Value

KEY = "distiller"


@dataclass(frozen=True)
class WarmStart:
    """The distillers that a search starts with.

    Attributes:
        base: the distiller that all other candidates have.
        names: the published ones, in the order of their trials; none: there is no gene.
    """

    base: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str], base: str, known: Sequence[str], fixed: bool) -> Self:
        """Check the names.

        Args:
            names: the value of ``search.warm_start``.
            base: the distiller of the space.
            known: every distiller that there is.
            fixed: whether the command line sets a distiller.

        Raises:
            UserError: a name is no distiller, or stands there twice, or the command line allows one distiller only.
        """
        for name in names:
            if name not in known:
                near = get_close_matches(str(name), known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise UserError(f"search.warm_start: {name!r} is no distiller; there are {', '.join(known)}{hint}")
        if len(set(names)) < len(names):
            raise UserError(f"search.warm_start lists a distiller twice: {list(names)}; remove the copy")
        if names and fixed:
            raise UserError(
                f"search.warm_start={list(names)} needs the gene distiller, and the command line sets "
                f"distiller={base}; remove one of them"
            )
        return cls(base, tuple(names))

    def dimensions(self) -> dict[str, list[Value]]:
        """The gene that is added to a space, if any; the base comes first."""
        return {KEY: [self.base, *(name for name in self.names if name != self.base)]} if self.names else {}

    def switches(self, values: Mapping[str, Sequence[Value]]) -> list[Switch]:
        """The switch of the gene, if there is one: a published distiller has no searched nodes.

        Args:
            values: what each key of the space may be.
        """
        genes = tuple(key for key in values if key.rpartition("@")[2].startswith(f"{KEY}."))
        published = tuple(name for name in self.names if name != self.base)
        return [Switch(KEY, published, genes)] if published and genes else []

    def genomes(self, space: SearchSpace, shared: DictConfig) -> list[Genome]:
        """The candidates to begin with: each distiller with all else as the configuration has it.

        Raises:
            UserError: the student of the configuration may not be trained in this space.
        """
        own = {d.key: nearest(OmegaConf.select(shared, d.key), d.values) for d in space.dimensions if "@" not in d.key}
        first = {d.key: d.values[0] for d in space.dimensions}
        found = [space.genome({**first, **own, KEY: name}) for name in self.names]
        if found and not space.admits(found[0]):
            raise UserError(
                "search.warm_start begins with the pair's own student, which has more parameters than "
                "search.max_params allows; raise it, or leave warm_start empty"
            )
        return found

    def lines(self, space: SearchSpace, shared: DictConfig) -> list[str]:
        """What to tell a user about it."""
        if not self.names:
            return []
        moved = []
        for d in space.dimensions:
            mine = OmegaConf.select(shared, d.key) if d.key.startswith("student.") else None
            if mine is not None and mine not in d.values:
                moved.append(f"{d.key}={mine} is not in the space, {nearest(mine, d.values)} is the nearest")
        note = f"; {'; '.join(moved)}" if moved else ""
        return [f"start    {', '.join(self.names)}: as published, with the pair's own student{note}"]


def nearest(value: Any, values: Sequence[Value]) -> Value:
    """The value itself where it is listed, else the nearest number, of positive ones by their ratio; else the first."""
    if value in values:
        return next(other for other in values if other == value)
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if not isinstance(value, int | float) or not numbers:
        return values[0]
    positive = value > 0 and all(v > 0 for v in numbers)
    return min(numbers, key=lambda v: abs(log(v / value)) if positive else abs(v - value))
