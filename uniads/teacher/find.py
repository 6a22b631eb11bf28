"""Who teaches the student: trained, stored or read from a file."""

from uniads.data.base import Data
from uniads.model.base import Network
from uniads.settings.blueprint import Blueprint
from uniads.settings.training import TrainingSettings
from uniads.teacher.assistants import find_last, teaching_key
from uniads.teacher.training import Teacher, build_network, stored_file, teacher_key
from uniads.teacher.watcher import TeacherWatcher


def find_teacher(settings: TrainingSettings, data: Data, watcher: TeacherWatcher | None = None) -> Teacher:
    """Who teaches the student: the last assistant, or the pair's teacher where there is none.

    A stored assistant is taken as it is. Only for one that has to be trained are those before it looked up.

    Args:
        settings: of the student's training.
        data: what the student is trained on.
        watcher: observes what is trained.

    Raises:
        UserError: ``teacher.distiller`` asks no teacher, or a teacher can't be had.
    """
    return find_last(settings, data, settings.teacher.assistants, watcher)


def find_untrained(settings: TrainingSettings, data: Data) -> list[tuple[Blueprint[Network], int]]:
    """The networks that have to be trained before the student has a teacher, in their order, with their epochs."""
    untrained: list[tuple[Blueprint[Network], int]] = []
    assistants = settings.teacher.assistants
    for count in range(len(assistants), 0, -1):
        model, key = assistants[count - 1], teaching_key(settings, assistants[:count])
        if stored_file(settings, build_network(model, data), key).exists():
            return untrained
        untrained.insert(0, (model, settings.teacher.recipe.epochs))
    model = settings.teacher.chosen_model
    network = build_network(model, data)
    has_weights = settings.teacher.checkpoint is not None or getattr(network, "weights", None) is not None
    if not has_weights and not stored_file(settings, network, teacher_key(settings)).exists():
        untrained.insert(0, (model, settings.teacher.stop_epoch))
    return untrained
