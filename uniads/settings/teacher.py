"""Who teaches."""

from dataclasses import dataclass
from pathlib import Path

from uniads.distiller.base import Distiller
from uniads.error import UserError
from uniads.model.base import Network
from uniads.recipe import Recipe
from uniads.settings.blueprint import Blueprint, chosen
from uniads.settings.dtype import check_dtype

Compiling = bool | str
"""True, False, ``auto`` or ``graphs``."""


@dataclass(frozen=True)
class TeacherSettings:
    """Who teaches, and how the teacher comes to its weights.

    Attributes:
        model: the pair's teacher; None where none is chosen.
        assistants: networks between teacher and student, the teacher's own pupil first.
        checkpoint: a file of weights; None: those in ``directory``.
        train: whether a teacher without stored weights is trained.
        seed: of its weights and of the order of its data.
        recipe: of its training.
        stop_epoch: where its training ends, above 0 and at most ``recipe.epochs``.
        distiller: what assistants learn with; its seed is the teacher's.
        dtype: in which it answers: ``float32``, ``bfloat16`` or ``auto``.
        compile: how it is compiled.
        directory: where trained teachers are stored.

    Raises:
        UserError: ``stop_epoch`` or ``dtype`` is out of its range, or ``stop_epoch`` stops a teacher from a file.
    """

    model: Blueprint[Network] | None
    assistants: tuple[Blueprint[Network], ...]
    checkpoint: Path | None
    train: bool
    seed: int
    recipe: Recipe
    stop_epoch: int
    distiller: Blueprint[Distiller]
    dtype: str
    compile: Compiling
    directory: Path

    def __post_init__(self) -> None:
        if not 0 < self.stop_epoch <= self.recipe.epochs:
            raise UserError(
                f"teacher.stop_epoch must be above 0 and at most teacher.recipe.epochs={self.recipe.epochs}, "
                f"got {self.stop_epoch}"
            )
        if self.checkpoint is not None and self.stop_epoch < self.recipe.epochs:
            raise UserError("teacher.stop_epoch can't stop a teacher that is trained already; give one of the two")
        check_dtype("teacher.dtype", self.dtype)

    @property
    def chosen_model(self) -> Blueprint[Network]:
        """The pair's teacher.

        Raises:
            UserError: none is chosen.
        """
        return chosen("teacher.model", self.model)
