"""An object as it is configured, before it is made."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from uniads.error import UserError, unknown

Thing = TypeVar("Thing", covariant=True)


@dataclass(frozen=True)
class Blueprint(Generic[Thing]):
    """What makes an object, as often as it is needed: a network for every training, a data set for its teacher.

    Attributes:
        facts: its configuration as plain values; ``_target_`` names its class or function.
        make: makes the object out of the facts; further keywords replace the configured ones.
    """

    facts: Mapping[str, Any]
    make: Callable[..., Thing]

    def __call__(self, **more: Any) -> Thing:
        """Make the object.

        Args:
            more: keywords that replace the configured ones.
        """
        return self.make(self.facts, **more)

    @property
    def target(self) -> str:
        """The dotted path of its class or function."""
        return str(self.facts.get("_target_", ""))

    @property
    def name(self) -> str:
        """The name of its class or function."""
        return self.target.rpartition(".")[2]

    @property
    def key(self) -> str:
        """The same text for the same configuration."""
        return json.dumps(self.facts, sort_keys=True, default=str)


def chosen(key: str, blueprint: Blueprint[Thing] | None) -> Blueprint[Thing]:
    """The blueprint of a network that a pair chooses.

    Args:
        key: its place in the configuration.
        blueprint: None where none is chosen.

    Raises:
        UserError: none is chosen.
    """
    if blueprint is None:
        raise UserError(
            f"{key} is not chosen; add a pair of networks, such as +pair=wrn40_2-wrn16_2 or +model@{key}=..."
        )
    return blueprint


def replace_value(facts: Any, path: Sequence[str], value: Any, whose: str) -> None:
    """Replace what stands at a path of keys and positions in a blueprint's facts.

    Args:
        facts: changed in place.
        path: steps, a position in a list as its number.
        value: what stands there afterwards.
        whose: the facts are, for the message.

    Raises:
        UnknownNameError: there is nothing at the path.
    """
    *before, last = (int(step) if step.isdigit() else step for step in path)
    place = facts
    try:
        for step in before:
            place = place[step]
        place[last]
    except (LookupError, TypeError):
        known = [key for key in facts if key != "_target_"]
        raise unknown(f"key of the {whose}", ".".join(path), known) from None
    place[last] = value
