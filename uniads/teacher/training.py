"""Teachers: loaded from a file, or trained on first use and stored under a key that names data, model and recipe."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from filelock import FileLock, Timeout

from uniads.callback.epochs import TellEpochs
from uniads.data.base import Data
from uniads.distiller.composed import Composed
from uniads.error import DamagedFileError, UserError
from uniads.learner.kept import KeepEpochs, Kept
from uniads.learner.learner import Learner
from uniads.learner.loop import EVAL_BATCH, score, train_quietly
from uniads.model import checkpoint, torchvision
from uniads.model.base import Network
from uniads.model.published import IMAGENET, PUBLISHED
from uniads.options import option_facts
from uniads.settings.blueprint import Blueprint
from uniads.settings.training import TrainingSettings
from uniads.teacher.identity import data_facts, hash_facts, recipe_facts
from uniads.teacher.watcher import TeacherWatcher

DECIDING = (
    "limit_train_batches", "overfit_batches", "fast_dev_run", "max_steps", "max_time", "accumulate_grad_batches",
    "gradient_clip_val", "gradient_clip_algorithm",
)  # fmt: skip
"""Settings of the trainer that a teacher's weights depend on, beside its recipe."""
INDIFFERENT = ("seed", "holdout", "views")
"""Settings of the data that do not touch a teacher: it has a seed of its own and never sees the validation split."""
TORCHVISION = "uniads.model.torchvision.torchvision"


@dataclass(frozen=True)
class Teacher:
    """A trained network and what is known about it.

    Attributes:
        network: on the CPU, to be frozen by whoever asks it.
        model: what it was built from.
        file: where its weights are stored, or the name of published weights that it was built with.
        val_acc1: top-1 accuracy on the validation split, 0 to 1; None where it was not measured yet.
        trained: whether it was trained just now.
        foreign: whether its weights are from elsewhere, so that it may have been trained on the validation split.
    """

    network: Network
    model: Blueprint[Network]
    file: Path
    val_acc1: float | None
    trained: bool = False
    foreign: bool = False


def build_network(model: Blueprint[Network], data: Data) -> Network:
    """An untrained network for the data's classes and channels."""
    return model(num_classes=data.num_classes, in_channels=data.channels)


def teacher_key(settings: TrainingSettings) -> str:
    """A short hash of everything that a stored teacher's weights depend on."""
    return hash_facts(teacher_facts(settings))


def teacher_facts(settings: TrainingSettings) -> dict[str, Any]:
    """Everything that a stored teacher's weights depend on, as plain values."""
    teacher = settings.teacher
    facts = training_facts(settings, teacher.chosen_model)
    if teacher.stop_epoch != teacher.recipe.epochs:
        facts["stop_epoch"] = teacher.stop_epoch
    return facts


def training_facts(settings: TrainingSettings, model: Blueprint[Network]) -> dict[str, Any]:
    """Everything that the weights of a teacher or an assistant depend on, as plain values.

    Of the data their contents count, not their place. Of the trainer's settings those count that decide how much the
    network is trained, and with which gradients. Those that only round differently, such as its precision, do not.
    """
    facts: dict[str, Any] = {
        "model": dict(model.facts),
        "recipe": recipe_facts(settings.teacher.recipe),
        "data": data_facts(settings, INDIFFERENT),
        "seed": settings.teacher.seed,
    }
    trainer = settings.trainer.facts
    if deciding := {name: value for name in DECIDING if (value := trainer.get(name)) is not None}:
        facts["trainer"] = deciding
    return facts


def load_or_train(settings: TrainingSettings, data: Data, watcher: TeacherWatcher | None = None) -> Teacher:
    """The pair's teacher: from a file of the user's, from the store, or trained now.

    A network that says where its weights are from, in an attribute ``weights``, is a teacher as it is built.

    Args:
        settings: of the training that it is for.
        data: what its shape is for.
        watcher: observes its training.

    Raises:
        UserError: there are no weights and ``teacher.train`` is false, a file does not fit the model, or
            ``teacher.stop_epoch`` is asked of a teacher that is trained already.
        MissingFileError: ``teacher.checkpoint`` names no file.
    """
    teacher = settings.teacher
    model = teacher.chosen_model
    network = build_network(model, data)
    weights = getattr(network, "weights", None)
    if teacher.stop_epoch < teacher.recipe.epochs and (teacher.checkpoint or weights) is not None:
        raise UserError("teacher.stop_epoch can't stop a teacher that is trained already; give one of the two")
    if teacher.checkpoint is not None:
        checkpoint.load(network, checkpoint.read(teacher.checkpoint)["model"], str(teacher.checkpoint))
        return Teacher(network, model, teacher.checkpoint, None, foreign=True)
    if weights is not None:
        return Teacher(network, model, Path(weights), None, foreign=True)

    def build_learner(images: Data) -> Learner:
        pl.seed_everything(teacher.seed, verbose=False)
        student = build_network(model, images)
        return Learner(
            student, Composed(task=1.0), teacher.recipe, teacher.recipe.epochs, images.num_classes,
            memory_format=settings.memory_format, seed=images.seed,
        )  # fmt: skip

    key = teacher_key(settings)
    return load_or_train_network(settings, model, key, data, build_learner, teacher.stop_epoch, watcher)


def stored_file(settings: TrainingSettings, network: Network, key: str) -> Path:
    """Where the weights of a teacher or an assistant are stored, or will be.

    Args:
        settings: of the training that it is for.
        network: the teacher or assistant.
        key: of everything that its weights depend on.
    """
    return settings.teacher.directory / f"{type(network).__name__.lower()}-{key}.pt"


def load_or_train_network(
    settings: TrainingSettings,
    model: Blueprint[Network],
    key: str,
    data: Data,
    build_learner: Callable[[Data], Learner],
    stop_epoch: int,
    watcher: TeacherWatcher | None = None,
) -> Teacher:
    """The network that is stored under a key, trained first if there is none.

    Args:
        settings: of the training that it is for.
        model: the network.
        key: of everything that its weights depend on.
        data: what its shape is for.
        build_learner: makes what trains it, on the images that are not held out; called only if nothing is stored.
        stop_epoch: where its training ends.
        watcher: observes its training.

    Raises:
        UserError: nothing is stored and ``teacher.train`` is false.
    """
    watcher = watcher or TeacherWatcher()
    network = build_network(model, data)
    file = stored_file(settings, network, key)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _hold(file, model.name, watcher):
        fresh = not file.exists()
        if fresh:
            if not settings.teacher.train:
                raise UserError(
                    f"the teacher has no weights: nothing is stored at {file} and teacher.train is false; "
                    "give teacher.checkpoint=FILE, or let it be trained with teacher.train=true"
                )
            _train(settings, model, build_learner, file, key, stop_epoch, watcher)
        stored = checkpoint.read(file)
    accuracy = stored.get("val_acc1")
    if stored.get("key", key) != key or not isinstance(accuracy, float) or not 0 <= accuracy <= 1:
        raise DamagedFileError(
            f"{file} is not the teacher that was stored under this name; remove it, so that it is trained again, or "
            "restore it from a copy"
        )
    checkpoint.load(network, stored["model"], str(file))
    return Teacher(network, model, file, accuracy, fresh)


@contextmanager
def _hold(file: Path, name: str, watcher: TeacherWatcher) -> Iterator[None]:
    """Hold a teacher's file, so that of several processes one trains it and the others wait."""
    lock = FileLock(f"{file}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        watcher.wait(name, file)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _train(
    settings: TrainingSettings,
    model: Blueprint[Network],
    build_learner: Callable[[Data], Learner],
    file: Path,
    key: str,
    stop_epoch: int,
    watcher: TeacherWatcher,
) -> None:
    """Train a teacher on the training images that are not held out, and store it.

    A checkpoint after every epoch stands beside the file until it is stored; a killed training goes on from it. Both
    hold the key of all that the weights depend on, so that no other training's checkpoint is gone on with.
    """
    data = settings.data(holdout=True, views=None, seed=settings.teacher.seed)
    learner = build_learner(data)
    kept = Kept(file.with_suffix(".ckpt"), {"identity": {"key": key}})
    images = data.val(EVAL_BATCH, settings.trainer.device)
    telling = TellEpochs(images, partial(watcher.start, model.name, stop_epoch), watcher.epoch)
    try:
        trained = train_quietly(learner, data, settings.trainer, stop_epoch, kept, [KeepEpochs(kept), telling])
    finally:
        watcher.finish()
    checkpoint.save(
        learner.get_submodule(learner.judged),
        file,
        config=dict(model.facts),
        num_classes=data.num_classes,
        in_channels=data.channels,
        val_acc1=trained.val_acc1,
        val_loss=trained.val_loss,
        key=key,
    )
    kept.file.unlink(missing_ok=True)


def with_accuracy(teacher: Teacher, settings: TrainingSettings, data: Data) -> Teacher:
    """The teacher with its accuracy on the validation split, measured now where none is stored with it."""
    if teacher.val_acc1 is not None:
        return teacher
    return replace(teacher, val_acc1=measure_accuracy(teacher, settings, data))


def measure_accuracy(teacher: Teacher, settings: TrainingSettings, data: Data) -> float:
    """The teacher's top-1 accuracy on the validation split, 0 to 1."""
    recipe = settings.teacher.recipe
    classes, layout = data.num_classes, settings.memory_format
    learner = Learner(teacher.network, Composed(task=1.0), recipe, recipe.epochs, classes, memory_format=layout)
    return score(learner, data, "val", settings.trainer)["acc1"]


def published_acc1(model: Mapping[str, Any] | str, data: Data | str) -> float | None:
    """The published test accuracy of a teacher, 0 to 1; None where there is none.

    Args:
        model: the facts of a network, or an option of the group ``model``.
        data: a data set, or an option of the group ``data``. A folder of 1,000 classes is taken for ImageNet.
    """
    name = data if isinstance(data, str) else f"{type(data).__name__}{data.num_classes}".lower()
    known = PUBLISHED.get("imagenet" if name == "imagefolder1000" else name, {})
    if isinstance(model, str):
        return known.get(model)
    if known is IMAGENET and model["_target_"] == TORCHVISION and model.get("weights"):
        return torchvision.published_acc1(model["name"], model["weights"])
    return next((acc1 for option, acc1 in known.items() if model == option_facts("model", option)), None)
