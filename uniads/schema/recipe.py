"""The keys of a recipe: how a network is trained."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from uniads.schema.kinds import Above0, Count, From0, Switch, Whole, must_rise, says
from uniads.schema.section import Made, refuse

Milestones = Annotated[list[Whole], AfterValidator(must_rise), says("a list of whole numbers above 0 that rise")]
Momentum = Annotated[float, Field(ge=0, lt=1), says("a number, 0 or more and below 1")]


class Recipe(Made):
    """``recipe`` and ``teacher.recipe``."""

    advice = "; choose a recipe with recipe=quick"
    target: str = Field(alias="_target_")
    epochs: Count
    batch_size: Count
    lr: Above0
    momentum: Momentum
    nesterov: Switch
    weight_decay: From0
    milestones: Milestones
    gamma: Above0

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.nesterov and not self.momentum:
            raise refuse("can't look ahead with momentum=0; set one of them", "nesterov")
        return self
