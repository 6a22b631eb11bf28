"""Teacher assistants: the pair's teacher teaches the first, each one the next, and the last one the student.

``+assistant=resnet56``, or a chain ``+assistant=[resnet56,resnet32]``. An assistant learns with ``teacher.distiller``
and ``teacher.recipe``, the whole of it, from ``teacher.seed``. It is trained on first use and stored beside the
teachers.

Source: Mirzadeh et al., arXiv:1902.03393; its public code averages the KL divergence over classes too, and
its learning rate never takes the first of its three values. Here every step is the distiller that it is named.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytorch_lightning as pl

from uniads.blueprint import Blueprint
from uniads.cache import shared
from uniads.data.base import Data
from uniads.distiller.context import context_for
from uniads.error import UserError
from uniads.learner.frozen import Frozen
from uniads.learner.learner import Learner
from uniads.model import checkpoint
from uniads.model.base import Network
from uniads.settings import TrainingSettings
from uniads.teacher.training import (
    Teacher,
    build_network,
    hash_facts,
    load_or_train,
    load_or_train_network,
    teacher_key,
    training_facts,
)


def find_teacher(settings: TrainingSettings, data: Data) -> Teacher:
    """Who teaches the student: the last assistant, or the pair's teacher where there is none.

    A stored assistant is taken as it is. Only for one that has to be trained are those before it looked up.

    Raises:
        UserError: ``teacher.distiller`` asks no teacher, or a teacher can't be had.
    """
    return _find_last(settings, data, settings.teacher.assistants)


def _find_last(settings: TrainingSettings, data: Data, assistants: Sequence[Blueprint[Network]]) -> Teacher:
    """The last of these assistants; without one, the pair's teacher."""
    if not assistants:
        return load_or_train(settings, data)
    *before, model = assistants
    recipe, seed = settings.teacher.recipe, settings.teacher.seed
    distiller = settings.teacher.distiller()
    if not distiller.needs_teacher:
        raise UserError("teacher.distiller asks no teacher, so an assistant would learn nothing from it; try kd")

    def build_learner(images: Data) -> Learner:
        teacher = _find_last(settings, data, before).network
        pl.seed_everything(seed, verbose=False)
        student = build_network(model, images)
        distiller.adapt(context_for(student, teacher, images, recipe.batch_size, lambda: build_network(model, images)))
        return Learner(student, distiller, recipe, recipe.epochs, images.num_classes, Frozen(teacher))

    key = teaching_key(settings, assistants)
    return load_or_train_network(settings, model, key, data, build_learner, recipe.epochs)


def teaching_key(settings: TrainingSettings, assistants: Sequence[Blueprint[Network]]) -> str:
    """A short hash of everything that the last of these assistants depends on; without one, of the pair's teacher."""
    if not assistants:
        file = settings.teacher.checkpoint
        return teacher_key(settings) if file is None else hash_file(file)
    *before, model = assistants
    facts = training_facts(settings, model)
    lesson = dict(settings.teacher.distiller.facts)
    return hash_facts({**facts, "distiller": lesson, "teacher": teaching_key(settings, before)})


def hash_file(file: Path) -> str:
    """A short hash of a file's contents; read again only when the file has changed.

    Raises:
        MissingFileError: there is no such file.
    """
    if not file.is_file():
        checkpoint.read(file)  # which says so
    changed = (str(file.resolve()), file.stat().st_mtime_ns, file.stat().st_size)
    return shared.get("file", changed, lambda: sha256(file.read_bytes()).hexdigest()[:12], size=8)
