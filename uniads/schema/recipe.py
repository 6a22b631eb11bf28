"""The keys of a recipe: how a network is trained."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from uniads.schema.kinds import Above0, Count, From0, Switch, Whole, must_rise, says
from uniads.schema.section import Made, refuse

Milestones = Annotated[list[Whole], AfterValidator(must_rise), says("a list of whole numbers above 0 that rise")]
Below1 = Annotated[float, Field(ge=0, lt=1), says("a number, 0 or more and below 1")]
Warmup = Annotated[
    Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, lt=1)],
    says("a whole number of epochs, 0 or more, or a share of the epochs from 0.0 to below 1.0"),
]
Average = Annotated[
    Annotated[float, Field(gt=0, lt=1)] | None, says("a number above 0 and below 1, or null for no average")
]
Operations = Annotated[
    Annotated[list[Annotated[int, Field(ge=0, le=30)]], Field(min_length=2, max_length=2)] | None,
    says("a list of a number of operations and a magnitude from 0 to 30, such as [2,9], or null for none"),
]


class Recipe(Made):
    """``recipe`` and ``teacher.recipe``."""

    advice = "; choose a recipe with recipe=quick"
    target: str = Field(alias="_target_")
    epochs: Count
    batch_size: Count
    lr: Above0
    momentum: Below1
    nesterov: Switch
    weight_decay: From0
    milestones: Milestones
    gamma: Above0
    schedule: Annotated[Literal["multistep", "cosine"], says("multistep or cosine")] = "multistep"
    warmup: Warmup = 0
    optimizer: Annotated[Literal["sgd", "adamw", "dot"], says("sgd, adamw or dot")] = "sgd"
    beta2: Below1 = 0.999
    delta: Below1 = 0.075
    label_smoothing: Below1 = 0.0
    ema: Average = None
    mixup: From0 = 0.0
    cutmix: From0 = 0.0
    randaugment: Operations = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.nesterov and not self.momentum:
            raise refuse("can't look ahead with momentum=0; set one of them", "nesterov")
        return self
