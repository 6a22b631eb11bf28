"""Teachers: trained on first use, kept under a key that names data, model and recipe, checked, reused."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from filelock import FileLock
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from uniads.data.base import Data
from uniads.distiller.composed import Composed
from uniads.error import UserError
from uniads.learner.learner import Learner
from uniads.learner.loop import score, train_quietly
from uniads.model import checkpoint, torchvision
from uniads.model.base import Network
from uniads.model.published import IMAGENET, PUBLISHED
from uniads.options import conf_dir

DECIDING = (
    "limit_train_batches", "overfit_batches", "fast_dev_run", "max_steps", "max_time", "accumulate_grad_batches",
    "gradient_clip_val", "gradient_clip_algorithm",
)  # fmt: skip
"""Settings of the trainer that a teacher's weights depend on, beside its recipe."""
TORCHVISION = "uniads.model.torchvision.torchvision"


@dataclass(frozen=True)
class Teacher:
    """A trained network and what is known about it.

    Attributes:
        network: on the CPU, to be frozen by the learner.
        file: where its weights are kept, or the name of published weights that it was built with.
        val_acc1: top-1 accuracy on the validation split, 0 to 1; None where it was not measured yet.
        trained: whether it was trained just now.
        foreign: whether its weights are from elsewhere, so that it may have been trained on the validation split.
    """

    network: Network
    file: Path
    val_acc1: float | None
    trained: bool = False
    foreign: bool = False


def chosen(cfg: DictConfig, key: str) -> DictConfig:
    """The configuration of the network at ``student`` or ``teacher.model``.

    Raises:
        UserError: none is chosen.
    """
    model = OmegaConf.select(cfg, key)
    if model is None:
        raise UserError(
            f"{key} is not chosen; add a pair of networks, such as +pair=wrn40_2-wrn16_2 or +model@{key}=..."
        )
    assert isinstance(model, DictConfig)
    return model


def new_network(model: DictConfig, data: Data) -> Network:
    """An untrained network for the data's classes and channels."""
    network: Network = instantiate(model, num_classes=data.num_classes, in_channels=data.channels)
    return network


def store_key(cfg: DictConfig) -> str:
    """A short hash of everything that a stored teacher's weights depend on."""
    wanted = teacher_facts(cfg, cfg.teacher.model)
    if cfg.teacher.stop_epoch != cfg.teacher.recipe.epochs:
        wanted["stop_epoch"] = cfg.teacher.stop_epoch
    return sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:12]


def teacher_facts(cfg: DictConfig, model: DictConfig) -> dict[str, Any]:
    """What the weights of a network that is trained as teachers are depend on.

    Of the trainer these are the settings that decide how much, and with which gradients, it is trained; those that
    round differently, such as its precision, are not.
    """
    facts: dict[str, Any] = {
        "model": OmegaConf.to_container(model, resolve=True),
        "recipe": OmegaConf.to_container(cfg.teacher.recipe, resolve=True),
        "data": _facts(cfg.data),
        "seed": cfg.teacher.seed,
    }
    if shortened := {name: value for name in DECIDING if (value := cfg.trainer.get(name)) is not None}:
        facts["trainer"] = shortened
    return facts


def _facts(data: DictConfig) -> dict[str, Any]:
    """The data's settings without those that don't touch a teacher: it never sees the validation split."""
    plain = OmegaConf.to_container(data, resolve=True)
    assert isinstance(plain, dict)
    others = ("root", "download", "seed", "holdout", "views")
    return {str(name): value for name, value in plain.items() if name not in others}


def teacher_for(cfg: DictConfig, data: Data) -> Teacher:
    """The teacher that a configuration asks for: a file of the user's, a stored one, or a newly trained one.

    A network that says where its weights are from, in an attribute ``weights``, is a teacher as it is built.

    Raises:
        UserError: there are no weights and ``teacher.train`` is false, a file does not fit the model, or
            ``teacher.stop_epoch`` makes no sense.
        MissingFileError: ``teacher.checkpoint`` names no file.
    """
    network = new_network(chosen(cfg, "teacher.model"), data)
    recipe = instantiate(cfg.teacher.recipe)
    if not 0 < cfg.teacher.stop_epoch <= recipe.epochs:
        raise UserError(
            f"teacher.stop_epoch must be above 0 and at most teacher.recipe.epochs={recipe.epochs}, "
            f"got {cfg.teacher.stop_epoch}"
        )
    weights = getattr(network, "weights", None)
    if cfg.teacher.stop_epoch < recipe.epochs and (cfg.teacher.checkpoint or weights) is not None:
        raise UserError("teacher.stop_epoch can't stop a teacher that is trained already; give one of the two")
    if cfg.teacher.checkpoint is not None:
        file = Path(cfg.teacher.checkpoint)
        checkpoint.load(network, checkpoint.read(file)["model"], str(file))
        return Teacher(network, file, None, foreign=True)
    if weights is not None:
        return Teacher(network, Path(weights), None, foreign=True)

    def learner(images: Data) -> Learner:
        pl.seed_everything(cfg.teacher.seed, verbose=False)
        student = new_network(cfg.teacher.model, images)
        return Learner(student, Composed(task=1.0), recipe, recipe.epochs, images.num_classes)

    return kept(cfg, cfg.teacher.model, store_key(cfg), data, learner, cfg.teacher.stop_epoch)


def kept(
    cfg: DictConfig,
    model: DictConfig,
    key: str,
    data: Data,
    learner: Callable[[Data], Learner],
    stop_epoch: int,
) -> Teacher:
    """The network that is stored under a key, trained first if there is none.

    Args:
        cfg: of the command.
        model: its configuration.
        key: of all that its weights depend on.
        data: what its shape is for.
        learner: makes what trains it, on the images that are not held out; called only if nothing is stored.
        stop_epoch: where its training ends.

    Raises:
        UserError: nothing is stored and ``teacher.train`` is false.
    """
    network = new_network(model, data)
    file = Path(cfg.paths.teacher_dir) / f"{type(network).__name__.lower()}-{key}.pt"
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        fresh = not file.exists()
        if fresh:
            if not cfg.teacher.train:
                raise UserError(
                    f"the teacher has no weights: nothing is stored at {file} and teacher.train is false; "
                    "give teacher.checkpoint=FILE, or let it be trained with teacher.train=true"
                )
            _train(cfg, model, learner, file, stop_epoch)
        stored = checkpoint.read(file)
    checkpoint.load(network, stored["model"], str(file))
    return Teacher(network, file, float(stored["val_acc1"]), fresh)


def _train(cfg: DictConfig, model: DictConfig, learner: Callable[[Data], Learner], file: Path, stop_epoch: int) -> None:
    """Train a teacher on the training images that are not held out, and store it."""
    held_out: Data = instantiate(cfg.data, holdout=True, views=None, seed=cfg.teacher.seed)
    taught = learner(held_out)
    trained = train_quietly(taught, held_out, cfg.trainer, stop_epoch, None, [])
    checkpoint.save(
        taught.student,
        file,
        config=OmegaConf.to_container(model, resolve=True),
        num_classes=held_out.num_classes,
        in_channels=held_out.channels,
        val_acc1=trained.val_acc1,
        val_loss=trained.val_loss,
    )


def judged(teacher: Teacher, cfg: DictConfig, data: Data) -> Teacher:
    """The teacher with its accuracy on the validation split, measured now where none is stored with it."""
    known = teacher.val_acc1 is not None
    return teacher if known else replace(teacher, val_acc1=measured_accuracy(teacher, cfg, data))


def measured_accuracy(teacher: Teacher, cfg: DictConfig, data: Data) -> float:
    """The teacher's top-1 accuracy on the validation split, measured now."""
    recipe = instantiate(cfg.teacher.recipe)
    learner = Learner(teacher.network, Composed(task=1.0), recipe, recipe.epochs, data.num_classes)
    return score(learner, data, "val", cfg.trainer)["acc1"]


def published_acc1(model: DictConfig | str, data: Data | str) -> float | None:
    """The published test accuracy of a teacher, 0 to 1; None where there is none.

    Args:
        model: the configuration of a network, or an option of the group ``model``.
        data: a data set, or an option of the group ``data``. A folder of 1,000 classes is taken for ImageNet.
    """
    name = data if isinstance(data, str) else f"{type(data).__name__}{data.num_classes}".lower()
    known = PUBLISHED.get("imagenet" if name == "imagefolder1000" else name, {})
    if isinstance(model, str):
        return known.get(model)
    if known is IMAGENET and model._target_ == TORCHVISION and model.weights:
        return torchvision.published_acc1(model.name, model.weights)
    for option, acc1 in known.items():
        if model == OmegaConf.load(conf_dir() / "model" / f"{option}.yaml"):
            return acc1
    return None
