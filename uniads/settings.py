"""A training's settings as plain values and finished objects. Nothing below the border sees a configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer

from uniads.blueprint import Blueprint
from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.error import UserError
from uniads.model.base import AUTO, MEMORY_FORMATS, Network
from uniads.recipe import Recipe

Compiling = bool | str
"""True, False, ``auto`` or ``graphs``."""

TEACHER_DTYPES = ("float32", "bfloat16", "auto")
STORE_DTYPES = ("float32", "float16", "bfloat16", "auto")


@dataclass(frozen=True)
class TrainerSettings:
    """How Lightning trains.

    Attributes:
        trainer: makes its ``Trainer``; further keywords set callbacks, logger and length.
        device: where it trains.

    Raises:
        UserError: more than one device is asked for.
    """

    trainer: Blueprint[Trainer]
    device: torch.device

    def __post_init__(self) -> None:
        for name in ("devices", "num_nodes"):
            asked = self.facts.get(name, 1)
            one = asked in (1, "1") or (isinstance(asked, list | tuple) and len(asked) == 1)
            if not one and not (asked in ("auto", -1, "-1") and self.device.type == "cpu"):
                raise UserError(
                    f"trainer.{name} must be 1, got {asked!r}: a training runs on one device, each of several would "
                    "train on the same images; a search runs as many trainings at a time as there are devices"
                )

    @property
    def facts(self) -> Mapping[str, Any]:
        """The trainer's configuration."""
        return self.trainer.facts


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
        if self.dtype not in TEACHER_DTYPES:
            raise UserError(f"teacher.dtype must be float32, bfloat16 or auto, got {self.dtype!r}")

    @property
    def chosen_model(self) -> Blueprint[Network]:
        """The pair's teacher.

        Raises:
            UserError: none is chosen.
        """
        return _chosen("teacher.model", self.model)


@dataclass(frozen=True)
class StoreSettings:
    """Where the teacher's answers are kept for other trainings or later epochs.

    Attributes:
        directory: None: they are not kept.
        own: whether the directory is this training's alone and goes when the training ends.
        dtype: ``float32``, ``float16``, ``bfloat16`` or ``auto``.
        max_gb: room, in 10⁹ bytes.

    Raises:
        UserError: ``dtype`` is none of the four.
    """

    directory: Path | None
    own: bool
    dtype: str
    max_gb: float

    def __post_init__(self) -> None:
        if self.dtype not in STORE_DTYPES:
            raise UserError(f"teacher_store.dtype must be one of {', '.join(STORE_DTYPES)}, got {self.dtype!r}")


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
        chance: a student above chance · ln(classes) after its first epoch is stopped; None: never.
        compile: how the student is compiled.
        threads: CPU threads of torch; None: torch's own choice.
        memory_format: of all networks: ``auto``, ``channels_last`` or ``contiguous``.
        store: where the teacher's answers are kept.
        directory: where checkpoints, student and outcome are written.
        plan: whether it only says what it would take.
        callbacks: Lightning's, of a training that is no trial.
        logger: of a training that is no trial; None for none.

    Raises:
        UserError: ``stop_epoch``, ``chance`` or ``memory_format`` is out of its range.
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
    store: StoreSettings
    directory: Path
    plan: bool = False
    callbacks: tuple[Blueprint[Callback], ...] = ()
    logger: Blueprint[Any] | None = None
    memory_format: str = AUTO

    def __post_init__(self) -> None:
        if not 0 < self.stop_epoch <= self.schedule_epochs:
            raise UserError(
                f"stop_epoch must be above 0 and at most epochs={self.schedule_epochs}, got {self.stop_epoch}"
            )
        if self.chance is not None and not self.chance > 0:
            raise UserError(f"chance must be above 0, or null for no bound, got {self.chance}")
        if self.memory_format not in MEMORY_FORMATS:
            raise UserError(f"memory_format must be {', '.join(MEMORY_FORMATS)}, got {self.memory_format!r}")

    @property
    def chosen_student(self) -> Blueprint[Network]:
        """The network to train.

        Raises:
            UserError: none is chosen.
        """
        return _chosen("student", self.student)


def _chosen(key: str, model: Blueprint[Network] | None) -> Blueprint[Network]:
    if model is None:
        raise UserError(
            f"{key} is not chosen; add a pair of networks, such as +pair=wrn40_2-wrn16_2 or +model@{key}=..."
        )
    return model
