"""An object as it is configured, before it is made."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from uniads.error import UserError

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
