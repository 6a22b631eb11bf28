"""The keys of the train command."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator
from typing_extensions import Self

from uniads.schema.data import TrainingDataKeys
from uniads.schema.kinds import (
    Compiling,
    Count,
    Dtype,
    Folder,
    MemoryFormat,
    OptionalCount,
    Positive,
    Seed,
    Switch,
    Text,
    must_map,
    says,
)
from uniads.schema.recipe import Recipe
from uniads.schema.section import Facts, Section, find_optional_part, find_part, refuse
from uniads.schema.teacher import Teacher, TeacherStore
from uniads.schema.trainer import Trainer

Student = Annotated[Facts | None, find_optional_part("choose a network with model@student=resnet20")]
Distiller = Annotated[Facts, find_part("choose a distiller with distiller=kd")]
Callback = Annotated[Facts, find_part("callback=none leaves all of them out")]
Word = Annotated[str, StringConstraints(min_length=1)]
Assistant = Word | Annotated[Facts, find_part("name one, as +assistant=resnet56")]
Assistants = Annotated[
    Assistant | list[Assistant] | None, says("a network, or a list of networks, such as [resnet56,resnet32]")
]
Statistics = Annotated[Literal["running", "estimated"], says("running or estimated")]
Published = Annotated[dict[str, dict[str, Any]], says("groups of values by distiller, such as {review: {weight: 5}}")]
Chance = Annotated[Positive | None, says("a number above 0, or null for no bound")]


class Paths(Section):
    """``paths``."""

    data_dir: Folder
    output_dir: Folder
    teacher_dir: Folder
    run_dir: Folder


class Root(Section):
    """The keys that any command may have at its root.

    Attributes:
        crd_lr: a pair's learning rate, which the recipe ``crd`` reads.
        published: a pair's values by distiller, which that distiller's option reads.
    """

    advice = ""
    crd_lr: Annotated[Positive | None, says("a number above 0")] = None
    published: Published = Field(default_factory=dict)


class PairSpace(Section):
    """What a pair says of its student's genes; a single training searches none."""

    genes: Annotated[dict[str, Any], must_map("lists of values by key of the student; {} for none")] = Field(
        default_factory=dict
    )


class Training(Root):
    """``conf/train.yaml``."""

    space: PairSpace = Field(default_factory=PairSpace)

    pair: Text
    student: Student = None
    teacher: Teacher
    teacher_store: TeacherStore
    assistant: Assistants = None
    recipe: Recipe
    epochs: Count
    stop_epoch: Count
    data: TrainingDataKeys
    distiller: Distiller
    trainer: Trainer
    callback: Annotated[dict[str, Callback], must_map("callbacks by name; callback=none leaves them out")]
    logger: Annotated[Facts, must_map("an option of the group logger; logger=none leaves it out")]
    paths: Paths
    seed: Seed
    test: Switch
    trial: Switch
    chance: Chance
    compile: Compiling
    memory_format: MemoryFormat
    statistics: Statistics
    dtype: Dtype
    plan: Switch
    threads: OptionalCount

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.stop_epoch > self.epochs:
            raise refuse(f"must be above 0 and at most epochs={self.epochs}, got {self.stop_epoch}", "stop_epoch")
        teacher = self.teacher
        if teacher.stop_epoch > teacher.recipe.epochs:
            raise refuse(
                f"must be above 0 and at most teacher.recipe.epochs={teacher.recipe.epochs}, got {teacher.stop_epoch}",
                "teacher.stop_epoch",
            )
        if self.compile == "graphs" and self.trainer.accumulate_grad_batches > 1:
            raise refuse(
                f"must be 1 with compile=graphs, got {self.trainer.accumulate_grad_batches}: each replay overwrites "
                "the gradients of the one before; use compile=true, or a larger recipe.batch_size",
                "trainer.accumulate_grad_batches",
            )
        if not self.trainer.enable_progress_bar and any("ProgressBar" in str(c) for c in self.callback.values()):
            raise refuse(
                "leaves out the bar that callback shows; add callback=none", "trainer.enable_progress_bar=false"
            )
        return self
