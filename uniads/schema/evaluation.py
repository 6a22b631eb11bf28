"""The keys of the evaluate command."""

from typing import Annotated, Literal

from uniads.schema.data import DataKeys
from uniads.schema.kinds import File, says
from uniads.schema.recipe import Recipe
from uniads.schema.section import Facts, Section, find_optional_part
from uniads.schema.trainer import Trainer
from uniads.schema.training import Paths, Root

Model = Annotated[Facts | None, find_optional_part("choose the file's network with +model@model=resnet110")]


class TeacherRecipe(Section):
    """What a data set's option sets for a teacher; nothing is trained here."""

    recipe: Recipe


class Evaluation(Root):
    """``conf/evaluate.yaml``."""

    checkpoint: File = "missing"
    model: Model
    part: Annotated[Literal["val", "test"], says("val or test")]
    data: DataKeys
    recipe: Recipe
    teacher: TeacherRecipe
    trainer: Trainer
    paths: Paths
