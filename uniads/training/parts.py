"""Everything that a training needs, built from its settings."""

from typing import NamedTuple

import pytorch_lightning as pl
from torch import nn

from uniads.cache import shared
from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.distiller.context import equip
from uniads.error import UserError
from uniads.learner.compiling import compile_mode
from uniads.learner.learner import Learner
from uniads.model.base import AUTO, Network
from uniads.settings.training import TrainingSettings
from uniads.teacher.assistants import teaching_key
from uniads.teacher.find import find_teacher
from uniads.teacher.identity import load_data
from uniads.teacher.source import build_source
from uniads.teacher.training import Teacher, build_network, with_accuracy
from uniads.teacher.watcher import TeacherWatcher
from uniads.training.precision import student_dtype
from uniads.training.rehearsal import rehearse, rehearse_candidate

__all__ = ["Parts", "build_parts", "data_shape", "load_data"]


class Parts(NamedTuple):
    """Everything that a training needs."""

    data: Data
    student: Network
    distiller: Distiller
    learner: Learner
    teacher: Teacher | None

    @property
    def judged(self) -> nn.Module:
        """What is validated and kept: the student, or its running average."""
        return self.learner.get_submodule(self.learner.judged)


def build_parts(settings: TrainingSettings, watcher: TeacherWatcher | None = None) -> Parts:
    """Build data, teacher, student, distiller and learner. The seed decides the student's and adapters' weights.

    Args:
        settings: of the training.
        watcher: observes the training of a teacher, where there is none yet.

    Raises:
        UserError: they don't fit together, or a teacher can't be had.
    """
    _check_compiling(settings)
    data = load_data(settings)
    (rehearse_candidate if settings.trial else rehearse)(settings, data_shape(data))
    distiller = settings.distiller()
    teacher = _find_teacher(settings, data, watcher) if distiller.needs_teacher else None
    pl.seed_everything(settings.seed, verbose=False)
    model = settings.chosen_student
    student = build_network(model, data)
    network, layout = teacher.network if teacher else None, settings.memory_format
    student, context = equip(
        distiller, student, network, data, settings.recipe.batch_size, lambda: build_network(model, data), layout
    )
    source = build_source(settings, data, distiller, teacher, context.taught) if teacher else None
    learner = Learner(
        student, distiller, settings.recipe, settings.schedule_epochs, data.num_classes, source, layout, data.seed,
        student_dtype(settings, student),
    )  # fmt: skip
    return Parts(data, student, distiller, learner, teacher)


def data_shape(data: Data) -> dict[str, int]:
    """What a network has to know of the data."""
    return {"num_classes": data.num_classes, "in_channels": data.channels}


def _find_teacher(settings: TrainingSettings, data: Data, watcher: TeacherWatcher | None) -> Teacher:
    """The teacher, its accuracy known; that of a trial is built once a process, since no trial changes it."""
    if not settings.trial:
        return with_accuracy(find_teacher(settings, data, watcher), settings, data)
    teacher_settings = settings.teacher
    key = (
        teaching_key(settings, teacher_settings.assistants), teacher_settings.checkpoint, teacher_settings.directory
    )  # fmt: skip
    teacher = shared.get("teacher", key, lambda: find_teacher(settings, data))
    teacher.network.cpu()  # a training before this one may have left it on a GPU
    return teacher


def _check_compiling(settings: TrainingSettings) -> None:
    """Refuse what can't be compiled before a teacher is trained.

    Raises:
        UserError: a setting is no way to compile on this device, graphs would spoil accumulated gradients, or the
            optimizer needs a student that is not compiled.
    """
    if settings.recipe.optimizer == "dot" and settings.compile not in (AUTO, False):
        raise UserError(
            f"compile must be auto or false with recipe.optimizer=dot, got {settings.compile!r}: DOT goes backward "
            "through the student twice, which a compiled one does not allow"
        )
    batches = settings.trainer.facts.get("accumulate_grad_batches") or 1
    if settings.compile == "graphs" and batches > 1:
        raise UserError(
            f"trainer.accumulate_grad_batches must be 1 with compile=graphs, got {batches}: each replay overwrites the "
            "gradients of the one before; use compile=true, or a larger recipe.batch_size"
        )
    device = settings.trainer.device
    for name, setting in (("compile", settings.compile), ("teacher.compile", settings.teacher.compile)):
        compile_mode(name, setting, device, 0, 0.0)
