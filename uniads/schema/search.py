"""The keys of the search command, and of the sweep command, which searches the same spaces."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from typing_extensions import Self

from uniads.schema.kinds import (
    Count,
    Length,
    OptionalAbove0,
    OptionalFile,
    OptionalShare,
    Seed,
    Share,
    Switch,
    Text,
    Whole,
    must_map,
    must_rise,
    not_allowed,
    says,
)
from uniads.schema.reading import Sweep, Word
from uniads.schema.section import Facts, Section, find_optional_part, find_part, refuse
from uniads.schema.training import PairSpace, Training

Rungs = Annotated[
    list[Whole], Field(min_length=1), AfterValidator(must_rise),
    says("a list of epochs above 0 that rise strictly, such as [3,8,24]"),
]  # fmt: skip
Quotas = Annotated[
    list[Whole], Field(min_length=1), says("a list of counts above 0, one for each rung, such as [20,8,4]")
]
Algorithm = Annotated[Facts, find_part("choose an algorithm with algorithm@search.algorithm=nsga2")]
Schedule = Annotated[Facts, find_part("choose a schedule with schedule@search.schedule=halving")]
Rejection = Annotated[Facts | None, find_optional_part("search.rejection=null keeps outliers")]
Shrinkage = Annotated[Facts | None, find_optional_part("search.shrinkage=null keeps all weights equal")]
Target = Annotated[
    Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["pair"] | None, says("a number above 0, pair, or null")
]
Cap = Annotated[Whole | Literal["teacher", "pair"] | None, says("null, teacher, pair, or a whole number above 0")]


class Measure(Section):
    """One number that is minimised."""

    advice = " with name and target, such as {name: val_loss, target: null}"
    name: Text
    target: Target

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.target == "pair" and self.name != "params":
            raise refuse(
                f"can't be pair with name={self.name}: pair is a number of parameters; give a number, or null for none",
                "target",
            )
        return self


class Search(Section):
    """``search``."""

    advice = "; choose a budget with search=quick"
    algorithm: Algorithm
    schedule: Schedule
    candidates: Count
    population: Annotated[int, Field(ge=2), says("a whole number of at least 2")]
    offspring: Count
    rungs: Rungs
    quotas: Quotas
    crossover: Share
    mutation: OptionalShare
    seed: Seed
    warm_start: Annotated[
        list[Word] | Literal["auto"], says("a list of distillers, such as [kd,at], [] for none, or auto")
    ]
    prior: Share
    objective: Annotated[Literal["train", "replay"], says("train, or replay with search.ledger=FILE")]
    ledger: OptionalFile
    final: Switch
    max_params: Cap
    max_epochs: OptionalAbove0
    max_seconds: OptionalAbove0
    max_failures: Share
    confirm: Length
    force: Switch
    rejection: Rejection
    shrinkage: Shrinkage
    measures: Annotated[
        dict[str, Measure], must_map("numbers to minimise, such as {loss: {name: val_loss, target: null}}", least=1)
    ]

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.algorithm.get("_partial_") is not True:
            raise refuse("must be true: an algorithm is made when the space is known", "algorithm._partial_")
        return self


Scalar = str | int | Annotated[float, Field(allow_inf_nan=False)] | bool | None


def _check_values(values: Any) -> Any:
    """The values of a gene.

    Raises:
        PydanticCustomError: they are no list of single values.
    """
    for value in values if isinstance(values, list) else [values]:
        if (value is None and not isinstance(values, list)) or isinstance(value, list | dict):
            raise not_allowed('a list of numbers, texts, true, false or null, or "*" for every option')
    return values


Values = Annotated[Scalar | list[Scalar], BeforeValidator(_check_values)]
Key = Annotated[str, StringConstraints(min_length=1), says("a key of a training, such as recipe.lr")]


class Space(PairSpace):
    """``space``."""

    advice = "; choose a space with space=paper"
    base: Annotated[list[Word], says("a list of overrides, such as [distiller=kd]; [] for none")]
    student: Switch = False
    dimensions: Annotated[dict[Key, Values], must_map("lists of values by key; {} for none")]
    genes: Annotated[dict[Key, Values | None], must_map("lists of values by key of the student; {} for none")] = Field(
        default_factory=dict
    )
    warm_start: Annotated[list[Word], says("a list of published distillers, such as [plain,kd]")] = Field(
        default_factory=list
    )
    held: Annotated[list[Key], says("a list of keys of dimensions, such as [distiller.balance]; [] for none")] = Field(
        default_factory=list
    )
    centres: Annotated[
        dict[Text, dict[Key, Scalar]], must_map("values of some keys by name, such as {kd: {distiller.logits.tau: 4}}")
    ] = Field(default_factory=dict)


class Searching(Training):
    """``conf/search.yaml``."""

    search: Search
    space: Space
    final: Switch
    report: Switch

    @model_validator(mode="after")
    def _judge_by_held_out_images(self) -> Self:
        if not self.data.holdout:
            raise refuse(
                "must be true: candidates are judged by the images that are held out, and the final training uses them "
                "all on its own",
                "data.holdout",
            )
        return self


class Sweeping(Searching):
    """``conf/sweep.yaml``."""

    sweep: Sweep


__all__ = ["Search", "Searching", "Space", "Sweeping"]
