"""The plan of a training: what teacher and student take, from a few timed steps."""

from uniads.data.base import Data
from uniads.settings.training import TrainingSettings
from uniads.teacher.find import find_untrained
from uniads.terminal.plan import Step, describe_plan
from uniads.training.timing import time_student, time_teacher

CHECKPOINTS = 4
"""Files of a training: last and best checkpoint, last and best student."""


def is_teacher_missing(settings: TrainingSettings, data: Data) -> bool:
    """Whether a teacher has to be trained before the student."""
    return settings.distiller().needs_teacher and bool(find_untrained(settings, data))


def plan_training(settings: TrainingSettings, data: Data) -> list[str]:
    """Lines on what a training will take: teacher, student, and disk space."""
    cost = time_student(settings, data)
    epochs, views = settings.stop_epoch, data.views or settings.stop_epoch
    # With a store the teacher is asked once for each view, and not in every epoch.
    asked = min(views, epochs) if settings.stores else epochs
    student = Step("student", f"{epochs} epochs", epochs * cost.seconds + asked * cost.teacher_seconds)
    store = min(asked * cost.teacher_bytes, settings.store.max_gb * 1e9) if settings.stores else 0.0
    disk = store + CHECKPOINTS * cost.checkpoint_bytes
    return describe_plan([*plan_teacher(settings, data), student], disk, str(settings.directory))


def plan_teacher(settings: TrainingSettings, data: Data) -> list[Step]:
    """The trainings of the teacher and of its assistants; none where the distiller asks no teacher."""
    if not settings.distiller().needs_teacher:
        return []
    untrained = find_untrained(settings, data)
    if not untrained:
        return [Step("teacher", "nothing to train")]
    batches = settings.trainer.facts.get("limit_train_batches")
    limit = "" if batches is None else f" of trainer.limit_train_batches={batches}"
    place = settings.teacher.directory.resolve()
    return [
        Step(
            "teacher",
            f"{model.name}, {epochs} epochs{limit}, since {place} has none like it",
            epochs * time_teacher(settings, data, model),
        )
        for model, epochs in untrained
    ]
