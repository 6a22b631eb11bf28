"""Everything of a training that can be tried without data: what can't be made is found before a teacher is trained."""

from collections.abc import Mapping

import torch

from uniads.error import UserError
from uniads.learner.limit import check_mixing, check_trainer
from uniads.learner.loop import build_quiet_trainer
from uniads.settings.training import TrainingSettings


def rehearse(settings: TrainingSettings, shape: Mapping[str, int]) -> None:
    """Make the loss, the networks without their weights, and what runs a training; none of it is kept.

    Args:
        settings: of the training.
        shape: ``num_classes`` and ``in_channels``.

    Raises:
        UserError: something can't be made with these values.
    """
    rehearse_candidate(settings, shape)
    for callback in settings.callbacks:
        callback()
    trainer = build_quiet_trainer(settings.trainer, max_epochs=1)
    check_trainer(settings.recipe, trainer)
    if settings.distiller().needs_teacher:
        check_trainer(settings.teacher.recipe, trainer, "teacher.recipe")


def rehearse_candidate(settings: TrainingSettings, shape: Mapping[str, int]) -> None:
    """Make the loss and the networks without their weights.

    Raises:
        UserError: a network can't be built, an assistant is given to a distiller that asks no teacher, or a distiller
            can't learn from mixed images.
    """
    distiller = settings.distiller()
    check_mixing(settings.recipe, distiller)
    assistants = settings.teacher.assistants
    if assistants:
        check_mixing(settings.teacher.recipe, settings.teacher.distiller(), "teacher.recipe")
    if assistants and not distiller.needs_teacher:
        raise UserError("this distiller asks no teacher, so nobody needs an assistant; remove +assistant")
    with torch.device("meta"):
        for model in (settings.chosen_student, *assistants):
            model(**shape)
