"""The first lines of a run: what it works on, and how to change that."""

from math import sqrt

import torch

from uniads.data.base import Data
from uniads.learner.precision import dtype_name
from uniads.options import options
from uniads.settings.teacher import TeacherSettings
from uniads.settings.training import TrainingSettings
from uniads.teacher.source import answer_dtype
from uniads.teacher.training import Teacher, published_acc1
from uniads.terminal.chance import warn_of_chance


def describe_data(data: Data, batch_size: int) -> list[str]:
    """The data set, its size, and the others that there are."""
    name = type(data).__name__
    height, width = data.size
    held = "held out for validation" if data.holdout else "of them for validation: nothing is held out"
    return [
        f"data     {name}: {data.channels}x{height}x{width} images of {data.num_classes} classes, "
        f"{len(data.train(batch_size).index):,} to train on, {len(data.val(batch_size).index):,} {held}",
        f"         another set: data={'|'.join(options('data'))}; "
        "the test set is read once, at the end of a full training",
    ]


def describe_teacher(teacher: Teacher, data: Data, settings: TeacherSettings) -> list[str]:
    """The teacher, its size and accuracy, where its weights are from, and a warning if it is not good.

    That is where it is at chance level, or clearly worse than published.

    Args:
        teacher: what the student learns from, its accuracy measured.
        data: what it was measured on.
        settings: of the pair's teacher and the assistants after it.
    """
    assert teacher.val_acc1 is not None
    source = "trained just now, kept in" if teacher.trained else "from"
    seen = ", which may have been trained on those images" if teacher.foreign else ""
    published = published_acc1(teacher.model.facts, data)
    known = "" if published is None else f"; published: {published:.2%} on the test set"
    params = sum(parameter.numel() for parameter in teacher.network.parameters())
    chain = [model.name for model in (settings.chosen_model, *settings.assistants)]
    lines = [f"teacher  {' teaches '.join(chain)}, which teaches the student"] if settings.assistants else []
    role = "assist. " if settings.assistants else "teacher "
    line = (
        f"{role} {teacher.model.name}: {params:,} parameters, "
        f"validation accuracy {teacher.val_acc1:.2%} ({source} {teacher.file}{seen}){known}"
    )
    lines.append(line)
    count = len(data.val(1).index)
    if warning := warn_of_chance("this teacher", teacher.val_acc1, data.num_classes, count):
        return [*lines, *(f"         {line}" for line in warning)]
    if published is None or not is_clearly_below(teacher.val_acc1, published, count):
        return lines
    advice = (
        "check that the file is the published one, and its data.mean, data.std and order of classes; "
        f"its test accuracy: python -m uniads.evaluate checkpoint={teacher.file} +model@model=NAME part=test"
        if teacher.foreign
        else f"it was trained for {settings.stop_epoch} epochs as teacher.recipe and trainer say; "
        "train it longer, or give teacher.checkpoint=FILE"
    )
    return [*lines, f"         warning: this teacher is clearly worse than the published one; {advice}"]


def describe_answers(settings: TrainingSettings) -> list[str]:
    """In which precision the teacher answers, if it is not its own, and why its answers are not kept, if they are not.

    Args:
        settings: of the training.
    """
    dtype, lines = answer_dtype(settings), []
    if dtype != torch.float32:
        kept = "the weights stay as they are; teacher.dtype=float32 keeps all bits"
        lines.append(f"         it answers in {dtype_name(dtype)}, {kept}")
    if settings.unstored:
        lines.append(f"         its answers are not kept: {settings.unstored}")
    return lines


def is_clearly_below(acc1: float, published: float, images: int) -> bool:
    """Whether an accuracy is below a published one by more than chance explains.

    That is more than three standard errors, 3 · sqrt(p (1 - p) / n), of a network of accuracy p on n images.

    Args:
        acc1: measured on the images, 0 to 1.
        published: p, 0 to 1.
        images: n.
    """
    return published - acc1 > 3 * sqrt(published * (1 - published) / images)
