"""The accuracy of a saved student or teacher."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from uniads.bridge.training_settings import blueprint, trainer_settings
from uniads.bridge.trust import build_saved_network, connect_saved_network
from uniads.data.base import Data
from uniads.distiller.composed import Composed
from uniads.error import UserError
from uniads.learner.learner import Learner
from uniads.learner.loop import score
from uniads.model import checkpoint
from uniads.model.base import Network, count_params
from uniads.model.connected import CONNECTED
from uniads.notice import notify
from uniads.recipe import Recipe
from uniads.settings.blueprint import Blueprint
from uniads.settings.trainer import TrainerSettings
from uniads.teacher.training import published_acc1
from uniads.terminal.console import build_console, print_lines
from uniads.terminal.opening import describe_data


@dataclass(frozen=True)
class EvaluationSettings:
    """What is measured on what.

    Attributes:
        checkpoint: the file.
        model: the network of a file from elsewhere; None: the file says it.
        part: ``val`` or ``test``.
        data: the images.
        recipe: of the batches.
        trainer: what runs the network.
    """

    checkpoint: Path
    model: Blueprint[Network] | None
    part: str
    data: Blueprint[Data]
    recipe: Recipe
    trainer: TrainerSettings


def main(cfg: DictConfig) -> None:
    """Load a saved network, measure it and print its accuracy."""
    evaluate(evaluation_settings(cfg), build_console())


def evaluation_settings(cfg: DictConfig) -> EvaluationSettings:
    """The settings of ``conf/evaluate.yaml``.

    Raises:
        UserError: no file is named, or there is no such part.
    """
    if cfg.part not in ("val", "test"):
        raise UserError(f"part must be val or test, got {cfg.part!r}")
    if OmegaConf.is_missing(cfg, "checkpoint"):
        raise UserError("no checkpoint is given; add checkpoint=FILE, such as the student.pt of a training")
    return EvaluationSettings(
        checkpoint=Path(cfg.checkpoint),
        model=None if cfg.model is None else blueprint(cfg.model, "model"),
        part=cfg.part,
        data=blueprint(cfg.data, "data"),
        recipe=instantiate(cfg.recipe, _convert_="all"),
        trainer=trainer_settings(cfg.trainer),
    )


def evaluate(settings: EvaluationSettings, console: Console) -> None:
    """Measure a saved network and print what came out.

    Raises:
        UserError: it can't be measured on these data.
    """
    data = settings.data()
    network, facts = load_network(settings, data)
    learner = Learner(network, Composed(), settings.recipe, 1, data.num_classes)
    scores = score(learner, data, settings.part, settings.trainer)
    if not isfinite(scores["loss"]):
        raise UserError(
            f"the {settings.part} loss of {settings.checkpoint} is {scores['loss']}: the network's answers to these "
            "images are no finite numbers; choose the data, mean and std that it was trained with, or another file"
        )
    print_lines(console, describe_data(data, settings.recipe.batch_size))
    published = published_acc1(facts, data) if facts and settings.part == "test" else None
    line = (
        f"{count_params(network):,} parameters, {settings.part} loss {scores['loss']:.4f} nats, "
        f"{settings.part} accuracy {scores['acc1']:.2%}"
    )
    print_lines(console, [line + (f"; published: {published:.2%}" if published else "")])


def load_network(settings: EvaluationSettings, data: Data) -> tuple[Network, Mapping[str, Any] | None]:
    """The network of a file, and its configuration: the file's own, or ``model`` for a file from elsewhere.

    A student that answers with its teacher's classifier is no network that can be configured: it has None.

    Raises:
        UserError: it is not known which network the file holds, or it is for other data.
    """
    file, model = settings.checkpoint, settings.model
    saved = _read_saved(settings, data)
    shape = {"num_classes": data.num_classes, "in_channels": data.channels}
    connection = saved.get(CONNECTED)

    def build() -> Network:
        body = model(**shape) if model else build_saved_network(file, saved["config"], shape)
        return connect_saved_network(file, body, connection, data.num_classes)

    if model is None or connection is not None:  # configuration is trusted, as a file is not
        with torch.device("meta"):  # a file can't ask for more memory than its own weights take
            checkpoint.check_fit(build(), saved["model"], str(file))
    network = build()
    checkpoint.load(network, saved["model"], str(file))
    return network, None if connection is not None else model.facts if model else saved["config"]


def _read_saved(settings: EvaluationSettings, data: Data) -> dict[str, Any]:
    """What a file holds, if that can be measured on these data.

    Raises:
        UserError: it is not known which network the file holds, or it is for other data.
    """
    file = settings.checkpoint
    saved = checkpoint.read(file)
    if settings.model is not None:
        saved |= {"config": None, "num_classes": data.num_classes, "in_channels": data.channels}
    if not {"config", "num_classes", "in_channels"} <= saved.keys():
        raise UserError(
            f"{file} does not say which network it holds, as only files of this project do; "
            "name the network: +model@model=resnet110"
        )
    if not all(type(saved[name]) is int for name in ("num_classes", "in_channels")):
        raise UserError(
            f"{file} has no whole numbers of classes and channels; name the network: +model@model=resnet110"
        )
    if (saved["num_classes"], saved["in_channels"]) != (data.num_classes, data.channels):
        raise UserError(
            f"{file} is for {saved['num_classes']} classes and {saved['in_channels']} channels, the data "
            f"has {data.num_classes} and {data.channels}; choose its own data set with data=..."
        )
    _compare_sizes(file, saved, data)
    return saved


def _compare_sizes(file: Path, saved: Mapping[str, Any], data: Data) -> None:
    """Warn where a network was trained on images of another size than those that it is measured on."""
    about = saved.get("data")
    trained = about.get("size") if isinstance(about, Mapping) else None
    if isinstance(trained, list | tuple) and tuple(trained) != tuple(data.size):
        before, now = (" x ".join(map(str, sides)) for sides in (trained, data.size))
        own = f"data.size=[{','.join(map(str, trained))}] gives" if data.resizes else "data.crop and the like give"
        notify(f"{file} was trained on images of {before} pixels and is measured on {now}; {own} it its own")
