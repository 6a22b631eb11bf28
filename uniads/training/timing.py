"""How long an epoch takes, from a few timed steps of networks that are not trained."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from uniads.data.base import Data
from uniads.distiller.composed import Composed
from uniads.distiller.context import equip
from uniads.knowledge import Batch, Knowledge
from uniads.learner.frozen import Frozen, TeacherSource
from uniads.learner.learner import Learner
from uniads.learner.loop import build_quiet_trainer, load_training
from uniads.model.base import Network
from uniads.settings.blueprint import Blueprint
from uniads.settings.training import TrainingSettings
from uniads.teacher.source import answer_dtype
from uniads.teacher.store import storage_bytes
from uniads.teacher.training import build_network
from uniads.training.precision import student_dtype

STEPS = 4
"""Steps that are made; the first, which warms up, does not count."""
LIMIT = 3.0
"""Seconds after which no further step is made."""
BYTES = 4
"""Of a parameter."""


@dataclass(frozen=True)
class EpochCost:
    """What one epoch of a student's training costs.

    Attributes:
        seconds: without the teacher's answers.
        teacher_seconds: of the teacher's answers; 0 where no teacher is asked.
        teacher_bytes: of these answers in a store, by ``teacher_store``'s settings; 0 where no teacher is asked.
        checkpoint_bytes: of a checkpoint: student and adapters with their momentum, in float32.
    """

    seconds: float
    teacher_seconds: float
    teacher_bytes: float
    checkpoint_bytes: float


def time_teacher(settings: TrainingSettings, data: Data, model: Blueprint[Network]) -> float:
    """Seconds of one epoch of a teacher's own training.

    Args:
        settings: of the student's training.
        data: images.
        model: the teacher, or an assistant.
    """
    recipe = settings.teacher.recipe
    plain, layout = Composed(task=1.0), settings.memory_format
    learner = Learner(build_network(model, data), plain, recipe, recipe.epochs, data.num_classes, memory_format=layout)
    return _time_steps(settings, data, learner)


def time_student(settings: TrainingSettings, data: Data) -> EpochCost:
    """What one epoch of the student's training costs.

    Raises:
        UserError: it can't be trained like that.
    """
    distiller, model, layout = settings.distiller(), settings.chosen_student, settings.memory_format
    asked = (settings.teacher.assistants or (settings.teacher.chosen_model,))[-1] if distiller.needs_teacher else None
    teacher = build_network(asked, data) if asked else None
    student = build_network(model, data)
    recipe = settings.recipe
    student, context = equip(
        distiller, student, teacher, data, recipe.batch_size, lambda: build_network(model, data), layout
    )
    answers = _Once(Frozen(teacher, answer_dtype(settings), memory_format=layout)) if teacher else None
    epochs, classes = settings.schedule_epochs, data.num_classes
    dtype = student_dtype(settings, student)
    learner = Learner(student, distiller, recipe, epochs, classes, answers, layout, dtype=dtype)
    seconds = _time_steps(settings, data, learner)
    size = 2 * BYTES * sum(each.numel() for each in learner.parameters())
    if answers is None:
        return EpochCost(seconds, 0.0, 0.0, size)
    stored = sum(storage_bytes(context.taught, settings.store.dtype).values()) * len(data.train(1).index)
    return EpochCost(seconds, answers.seconds * count_steps(settings, data), stored, size)


def count_steps(settings: TrainingSettings, data: Data) -> int:
    """Steps of one epoch of a student's training."""
    steps = len(data.train(settings.recipe.batch_size))
    limit = settings.trainer.facts.get("limit_train_batches")
    if limit is None:
        return steps
    return min(steps, limit) if isinstance(limit, int) else int(steps * limit)


class _Once:
    """Asks a teacher about the first whole batch, and gives that answer for all of its size: as a store would.

    Attributes:
        seconds: that the last real answer took.
    """

    def __init__(self, teacher: TeacherSource) -> None:
        self.teacher, self.seconds = teacher, 0.0
        self._known: dict[int, Knowledge] = {}

    def __call__(self, batch: Batch, epoch: int) -> Knowledge:
        size = len(batch.label)
        if size not in self._known:
            self.teacher(batch, epoch)  # warms up
            self.seconds, self._known[size] = _time(lambda: self.teacher(batch, epoch), batch.image.device)
        return self._known[size]


class _Stopwatch(Callback):
    """Times training steps, and ends the training when there has been enough of it."""

    def __init__(self) -> None:
        self.begin = self.last = perf_counter()
        self.steps: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        _wait_for(pl_module.device)
        self.last = perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        _wait_for(pl_module.device)
        now = perf_counter()
        self.steps.append(now - self.last)
        trainer.should_stop = now - self.begin > LIMIT and len(self.steps) > 1


def _time_steps(settings: TrainingSettings, data: Data, learner: Learner) -> float:
    """Seconds of an epoch: the median of the timed steps, times the steps of an epoch."""
    pl.seed_everything(0, verbose=False)
    watch = _Stopwatch()
    steps = len(data.train(learner.recipe.batch_size))
    trainer = build_quiet_trainer(
        settings.trainer, max_epochs=1, limit_train_batches=min(STEPS, steps), limit_val_batches=0, callbacks=[watch]
    )
    trainer.fit(learner, load_training(learner, data, settings.trainer))
    whole = count_steps(settings, data) * settings.recipe.batch_size / learner.recipe.batch_size
    return median(watch.steps[1:] or watch.steps) * whole


def _time(work: Callable[[], Knowledge], device: torch.device) -> tuple[float, Knowledge]:
    _wait_for(device)
    begin = perf_counter()
    result = work()
    _wait_for(device)
    return perf_counter() - begin, result


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
