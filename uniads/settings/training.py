"""Everything that one training of one student needs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback

from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.error import UserError
from uniads.model.base import AUTO, MEMORY_FORMATS, Network
from uniads.recipe import Recipe
from uniads.settings.blueprint import Blueprint, chosen
from uniads.settings.dtype import BFLOAT16, FLOAT32, check_dtype
from uniads.settings.store import TeacherStoreSettings
from uniads.settings.teacher import Compiling, TeacherSettings
from uniads.settings.trainer import FULL, TrainerSettings

RUNNING, ESTIMATED = "running", "estimated"
"""Statistics of batch norm: those of the training, or new ones."""


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that one training of one student needs.

    Attributes:
        pair: a name for teacher and student together.
        student: the network to train; None where none is chosen.
        teacher: who teaches it.
        distiller: what it learns with.
        recipe: optimizer and schedule.
        data: what it is trained on.
        trainer: how Lightning trains it.
        seed: of the student's and the adapters' weights.
        schedule_epochs: length of the learning-rate schedule.
        stop_epoch: where the training ends, above 0 and at most ``schedule_epochs``.
        test: whether the test set is read at the end.
        trial: whether it is a search's: quiet, validated once at the end, never tested.
        chance: a student whose mean cross-entropy in the last quarter of its first epoch is above chance · ln(classes)
            nats is stopped; None: never.
        compile: how the student is compiled.
        threads: CPU threads of torch; None: torch's own choice.
        memory_format: of all networks: ``auto``, ``channels_last`` or ``contiguous``.
        statistics: of batch norm, with which the student is judged: ``running`` or ``estimated``.
        dtype: in which the student's layers compute: ``float32``, ``bfloat16`` or ``auto``.
        store: where the teacher's answers are kept.
        directory: where checkpoints, student and outcome are written.
        plan: whether it only says what it would take.
        callbacks: Lightning's, of a training that is no trial.
        logger: of a training that is no trial; None for none.

    Raises:
        UserError: ``stop_epoch``, ``chance``, ``memory_format``, ``dtype`` or ``statistics`` is out of its range.
    """

    pair: str
    student: Blueprint[Network] | None
    teacher: TeacherSettings
    distiller: Blueprint[Distiller]
    recipe: Recipe
    data: Blueprint[Data]
    trainer: TrainerSettings
    seed: int
    schedule_epochs: int
    stop_epoch: int
    test: bool
    trial: bool
    chance: float | None
    compile: Compiling
    threads: int | None
    store: TeacherStoreSettings
    directory: Path
    plan: bool = False
    callbacks: tuple[Blueprint[Callback], ...] = ()
    logger: Blueprint[Any] | None = None
    memory_format: str = AUTO
    statistics: str = RUNNING
    dtype: str = FLOAT32

    def __post_init__(self) -> None:
        if not 0 < self.stop_epoch <= self.schedule_epochs:
            raise UserError(
                f"stop_epoch must be above 0 and at most epochs={self.schedule_epochs}, got {self.stop_epoch}"
            )
        if self.chance is not None and not self.chance > 0:
            raise UserError(f"chance must be above 0, or null for no bound, got {self.chance}")
        if self.memory_format not in MEMORY_FORMATS:
            raise UserError(f"memory_format must be {', '.join(MEMORY_FORMATS)}, got {self.memory_format!r}")
        check_dtype("dtype", self.dtype)
        if self.dtype == BFLOAT16 and str(self.trainer.facts.get("precision")) not in FULL:
            raise UserError(
                f"dtype=bfloat16 needs trainer.precision=32-true, got {self.trainer.facts['precision']!r}: both say in "
                "which precision a student computes; with trainer.precision=bf16-mixed a teacher is trained so, too"
            )
        if self.statistics not in (RUNNING, ESTIMATED):
            raise UserError(f"statistics must be running or estimated, got {self.statistics!r}")

    @property
    def unstored(self) -> str | None:
        """Why the teacher's answers can't be kept; None where they can. A batch that is mixed gets no answer twice."""
        if self.recipe.mixes:
            return "the recipe mixes images anew in every epoch"
        return "the distiller looks at two views of each image" if self.distiller().views > 1 else None

    @property
    def stores(self) -> bool:
        """Whether the teacher's answers are kept."""
        return self.store.directory is not None and self.unstored is None

    @property
    def chosen_student(self) -> Blueprint[Network]:
        """The network to train.

        Raises:
            UserError: none is chosen.
        """
        return chosen("student", self.student)
