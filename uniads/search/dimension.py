"""One gene: an override key, the values that it may take, and how Hydra spells them."""

import re
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import TypeGuard

from uniads.error import UserError

Value = str | int | float | bool | None

_PLAIN = re.compile(r"(?!(?:null|true|false|nan|inf)\Z)[a-z_][\w./-]*", re.ASCII | re.IGNORECASE)
"""Text that Hydra reads as text without quotes."""


@dataclass(frozen=True)
class Dimension:
    """One gene: an override key and the values that it may take.

    Attributes:
        key: a Hydra override key, such as ``student.width`` or ``distance@distiller.logits.distance``.
        values: at least one value, no two equal (True is not 1), numbers finite. If all values are numbers, they are
            sorted in ascending order.
    """

    key: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise UserError(f"the space gives {self.key!r} no value; give at least one, or remove the key")
        for value in self.values:
            if isinstance(value, float) and not isfinite(value):
                raise UserError(f"the space gives {self.key!r} the value {value}; numbers must be finite")
        if len(set(map(identify, self.values))) < len(self.values):
            raise UserError(f"the space lists a value of {self.key!r} twice: {list(self.values)}; remove the copy")
        if self.ordinal:
            object.__setattr__(self, "values", tuple(sorted(self.values, key=float)))

    @property
    def ordinal(self) -> bool:
        """Whether the values are numbers, so that neighbours are alike and mutation can step between them."""
        return all(map(is_number, self.values))

    def index(self, value: Value) -> int:
        """Position of a value.

        Raises:
            UserError: the value is not listed.
        """
        position = self._positions.get(identify(value))
        if position is None:
            raise UserError(f"{self.key!r} may be {list(self.values)} in this space, got {value!r}")
        return position

    @cached_property
    def _positions(self) -> dict[tuple[bool, Value], int]:
        return {identify(value): position for position, value in enumerate(self.values)}


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def identify(value: Value) -> tuple[bool, Value]:
    """A key that is the same for equal values only: 1 and 1.0 are equal, 1 and True are not."""
    return isinstance(value, bool), value


def spell(key: str, value: Value) -> str:
    """One override in Hydra's own grammar, from which Hydra reads the same value of the same type."""
    if value is None:
        return f"{key}=null"
    if isinstance(value, str):
        return f"{key}={value if _PLAIN.fullmatch(value) else _quote(value)}"
    return f"{key}={str(value).lower()}"


def _quote(text: str) -> str:
    """Text in quotes. Quotes inside it are escaped, and so are backslashes that stand before a quote."""
    return "'" + re.sub(r"(\\*)('|\Z)", lambda match: match[1] * 2 + ("\\'" if match[2] else ""), text) + "'"
