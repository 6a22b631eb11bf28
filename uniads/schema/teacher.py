"""The keys of a teacher, and of the store of its answers."""

from typing import Annotated, Literal

from uniads.schema.kinds import Compiling, Count, Dtype, From0, OptionalFile, OptionalFolder, Seed, Switch, says
from uniads.schema.recipe import Recipe
from uniads.schema.section import Facts, Section, find_optional_part, find_part

Lesson = Annotated[Facts, find_part("choose a distiller with distiller@teacher.distiller=kd")]
Model = Annotated[Facts | None, find_optional_part("choose a network with model@teacher.model=resnet56")]


class Teacher(Section):
    """``teacher``."""

    advice = "; choose a network with model@teacher.model=resnet56"
    model: Model = None
    checkpoint: OptionalFile
    train: Switch
    seed: Seed
    stop_epoch: Count
    dtype: Dtype
    compile: Compiling
    recipe: Recipe
    distiller: Lesson


class TeacherStore(Section):
    """``teacher_store``."""

    directory: OptionalFolder
    dtype: Annotated[Literal["float32", "float16", "bfloat16", "auto"], says("one of float32, float16, bfloat16, auto")]
    max_gb: From0
