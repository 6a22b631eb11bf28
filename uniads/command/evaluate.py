"""The accuracy of a saved student or teacher."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from uniads.data.base import Data
from uniads.distiller.composed import Composed
from uniads.error import UserError
from uniads.learner.learner import Learner
from uniads.learner.loop import score
from uniads.model import checkpoint
from uniads.model.base import Network, count_params
from uniads.teacher.provider import published_acc1
from uniads.terminal.opening import data_lines
from uniads.training.fit import data_for


def main(cfg: DictConfig) -> None:
    """Load a saved network, score it and print the scores.

    Raises:
        UserError: no file is named, or it can't be scored on these data.
    """
    if cfg.part not in ("val", "test"):
        raise UserError(f"part must be val or test, got {cfg.part!r}")
    if OmegaConf.is_missing(cfg, "checkpoint"):
        raise UserError("no checkpoint is given; add checkpoint=FILE, such as the student.pt of a training")
    data = data_for(cfg)
    network, config = loaded(cfg, data)
    recipe = instantiate(cfg.recipe)
    scores = score(Learner(network, Composed(), recipe, 1, data.num_classes), data, cfg.part, cfg.trainer)
    console = Console()
    for line in data_lines(data, recipe.batch_size):
        console.print(line, highlight=False, soft_wrap=True)
    published = published_acc1(config, data) if cfg.part == "test" else None
    console.print(
        f"{count_params(network):,} parameters, {cfg.part} loss {scores['loss']:.4f} nats, "
        f"{cfg.part} accuracy {scores['acc1']:.2%}" + (f"; published: {published:.2%}" if published else ""),
        highlight=False,
    )


def loaded(cfg: DictConfig, data: Data) -> tuple[Network, DictConfig]:
    """The network of a file, and its configuration: the file's own, or ``model`` for a file from elsewhere.

    Raises:
        UserError: it is not known which network the file holds, or it is for other data.
    """
    saved = checkpoint.read(Path(cfg.checkpoint))
    if cfg.model is not None:
        saved |= {"config": cfg.model, "num_classes": data.num_classes, "in_channels": data.channels}
    if not {"config", "num_classes", "in_channels"} <= saved.keys():
        raise UserError(
            f"{cfg.checkpoint} does not say which network it holds, as only files of this project do; "
            "name the network: +model@model=resnet110"
        )
    if (saved["num_classes"], saved["in_channels"]) != (data.num_classes, data.channels):
        raise UserError(
            f"{cfg.checkpoint} is for {saved['num_classes']} classes and {saved['in_channels']} channels, the data "
            f"has {data.num_classes} and {data.channels}; choose its own data set with data=..."
        )
    shape = {"num_classes": saved["num_classes"], "in_channels": saved["in_channels"]}
    network: Network = instantiate(saved["config"], **shape)
    checkpoint.load(network, saved["model"], cfg.checkpoint)
    return network, OmegaConf.create(saved["config"])
