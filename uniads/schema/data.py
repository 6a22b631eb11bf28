"""The keys that every data set has; its class judges its own ones."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from uniads.schema.kinds import (
    Length,
    Numbers,
    OpenShare,
    OptionalCount,
    PartialShare,
    Positive,
    Seed,
    Switch,
    says,
)
from uniads.schema.section import Section

Classes = Annotated[Annotated[int, Field(ge=2)] | None, says("a whole number of at least 2")]


Side = Annotated[int, Field(ge=1)]
Sides = Annotated[list[Side], Field(min_length=2, max_length=2)]
Pixels = Annotated[Side | Sides | None, says("a number of pixels above 0, a list of height and width, or null")]

Deviations = Annotated[list[Positive], says("a list of numbers above 0")]


class DataKeys(Section):
    """``data`` of a command that measures."""

    advice = "; choose a data set with data=digits"
    target: str = Field(alias="_target_")
    fraction: PartialShare
    val_fraction: OpenShare
    holdout: Switch
    split_seed: Seed
    seed: Seed
    size: Pixels
    num_classes: Classes = None
    padding: Length = 0
    flip: Switch = False
    mean: Numbers = Field(default_factory=list)
    std: Deviations = Field(default_factory=list)

    @classmethod
    def is_open(cls, given: Mapping[str, Any]) -> bool:
        return True


class TrainingDataKeys(DataKeys):
    """``data`` of a command that trains."""

    views: OptionalCount
