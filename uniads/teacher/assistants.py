"""Teacher assistants: the pair's teacher teaches the first, each one the next, and the last one the student.

``+assistant=resnet56``, or a chain ``+assistant=[resnet56,resnet32]``. An assistant learns with ``teacher.distiller``
and ``teacher.recipe``, the whole of it, from ``teacher.seed``. It is trained on first use and stored beside the
teachers.

Source: Mirzadeh et al., arXiv:1902.03393; its public code averages the KL divergence over classes too, and
its learning rate never takes the first of its three values. Here every step is the distiller that it is named.
"""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl

from uniads.data.base import Data
from uniads.distiller.context import equip
from uniads.error import UserError
from uniads.learner.frozen import Frozen
from uniads.learner.learner import Learner
from uniads.model.base import Network
from uniads.settings.blueprint import Blueprint
from uniads.settings.training import TrainingSettings
from uniads.teacher.identity import hash_facts, hash_file
from uniads.teacher.training import (
    Teacher,
    build_network,
    load_or_train,
    load_or_train_network,
    teacher_facts,
    teacher_key,
    training_facts,
)
from uniads.teacher.watcher import TeacherWatcher


def find_last(
    settings: TrainingSettings, data: Data, assistants: Sequence[Blueprint[Network]], watcher: TeacherWatcher | None
) -> Teacher:
    """The last of these assistants; without one, the pair's teacher."""
    if not assistants:
        return load_or_train(settings, data, watcher)
    *before, model = assistants
    recipe, seed = settings.teacher.recipe, settings.teacher.seed
    distiller = settings.teacher.distiller()
    if not distiller.needs_teacher:
        raise UserError("teacher.distiller asks no teacher, so an assistant would learn nothing from it; try kd")
    if distiller.dresses:
        raise UserError(
            "teacher.distiller trains another network in the assistant's place, which would no longer be the assistant "
            "that is asked for; try kd"
        )

    def build_learner(images: Data) -> Learner:
        teacher = find_last(settings, data, before, watcher).network
        pl.seed_everything(seed, verbose=False)
        student = build_network(model, images)
        layout = settings.memory_format
        equip(distiller, student, teacher, images, recipe.batch_size, lambda: build_network(model, images), layout)
        frozen = Frozen(teacher, memory_format=layout)
        return Learner(student, distiller, recipe, recipe.epochs, images.num_classes, frozen, layout, images.seed)

    key = teaching_key(settings, assistants)
    return load_or_train_network(settings, model, key, data, build_learner, recipe.epochs, watcher)


def teaching_key(settings: TrainingSettings, assistants: Sequence[Blueprint[Network]]) -> str:
    """A short hash of everything that the last of these assistants depends on; without one, of the pair's teacher."""
    if not assistants:
        file = settings.teacher.checkpoint
        return teacher_key(settings) if file is None else hash_file(file)
    *before, model = assistants
    facts = training_facts(settings, model)
    lesson = dict(settings.teacher.distiller.facts)
    return hash_facts({**facts, "distiller": lesson, "teacher": teaching_key(settings, before)})


def teaching_facts(settings: TrainingSettings, assistants: Sequence[Blueprint[Network]]) -> dict[str, Any]:
    """What ``teaching_key`` stands for, as plain values: each teacher with all that its weights depend on."""
    if not assistants:
        file = settings.teacher.checkpoint
        if file is None:
            return teacher_facts(settings)
        return {"model": dict(settings.teacher.chosen_model.facts), "checkpoint": hash_file(file)}
    *before, model = assistants
    lesson = dict(settings.teacher.distiller.facts)
    teacher = teaching_facts(settings, before)
    return {**training_facts(settings, model), "distiller": lesson, "teacher": teacher}
