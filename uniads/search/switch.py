"""A switch says which genes have no effect while another gene has a certain value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from uniads.error import UserError
from uniads.search.dimension import Dimension, Value


@dataclass(frozen=True)
class Switch:
    """At some values of one gene, other genes are idle: they have no effect.

    For example, the transform of a node has no effect while the weight of the node is 0.

    Attributes:
        key: override key of the gene that decides.
        values: its values at which the others are idle.
        idle: override keys of the genes that are then idle.
    """

    key: str
    values: tuple[Value, ...]
    idle: tuple[str, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """The switch that a JSON object holds."""
        return cls(fields["key"], tuple(fields["values"]), tuple(fields["idle"]))


def check_switches(switches: Sequence[Switch], dimensions: Sequence[Dimension]) -> None:
    """Check that switches fit a space and that their order is clear.

    Raises:
        UserError: a switch names a key or a value that the space does not have, or makes its own gene or the gene of an
            earlier switch idle.
    """
    listed = {dimension.key: dimension for dimension in dimensions}
    earlier: set[str] = set()
    for switch in switches:
        for key in (switch.key, *switch.idle):
            if key not in listed:
                raise UserError(f"the switch of {switch.key!r} names {key!r}; this space has the keys {list(listed)}")
        for value in switch.values:
            listed[switch.key].index(value)
        earlier.add(switch.key)
        if repeated := earlier.intersection(switch.idle):
            raise UserError(
                f"the switch of {switch.key!r} makes {min(repeated)!r} idle, which is itself or an earlier switch; "
                "list the switch that decides over the other one first"
            )
