"""Random candidates of a space, trained on a schedule of any length and scored in several ways on the way.

What a training is told, and its random numbers, are not touched by its scores.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import open_dict
from pytorch_lightning import Callback, LightningModule, Trainer
from scipy import optimize
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from uniads import configure
from uniads.bridge.search_settings import search_settings
from uniads.bridge.space import build_dressing, build_space
from uniads.bridge.student import Students
from uniads.bridge.warm_start import WarmStart
from uniads.callback.rejection import RejectedError, RejectHopeless
from uniads.data.base import Data
from uniads.learner.loop import EVAL_BATCH, train_quietly
from uniads.learner.statistics import estimate_statistics
from uniads.options import conf_dir
from uniads.training.parts import Parts, build_parts, data_shape, load_data

HOW = ("threads=1", "trial=true", "compile=false", "teacher.compile=false", "trainer.accelerator=cpu")


def candidate_parser(description: str | None) -> ArgumentParser:
    """The arguments of every measurement of random candidates."""
    parser = ArgumentParser(description=description)
    parser.add_argument("overrides", nargs="*", help="of python -m uniads.search")
    parser.add_argument("--pair", default="resnet56-resnet20")
    parser.add_argument("--candidates", type=int, default=60, help="in all, those of earlier runs included")
    parser.add_argument("--decay", type=float, default=0.97, help="of the moving average of weights, a step")
    parser.add_argument("--seed", type=int, default=0, help="of the candidates and their weights")
    parser.add_argument(
        "--store", type=lambda text: Path(text).resolve(), default="build/early_scores", help="of the teacher's answers"
    )
    parser.add_argument("--json", type=Path, help="where the rows are kept")
    return parser


def draw(arguments: Namespace) -> list[list[str]]:
    """The overrides of each candidate, those that all share included."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        cfg = loader.load_configuration("search", [f"+pair={arguments.pair}", *arguments.overrides], RunMode.RUN)
        with open_dict(cfg):
            cfg.hydra.runtime.output_dir = "."
        HydraConfig.instance().set_config(cfg)
        settings = search_settings(cfg, loader)
    training = settings.training
    data = load_data(training)
    dressing = build_dressing(settings, (data.channels, *data.size))
    students = Students(training.chosen_student, settings.space.models, data_shape(data), dressing)
    start = WarmStart(settings.space.base_distiller, (), settings.space.defaults)
    space = build_space(settings, students, start)
    shared = [each for each in settings.overrides if not each.startswith(("dtype=", "threads=", "statistics="))]
    genomes = space.fill(arguments.candidates, Random(arguments.seed))
    return [[*shared, *space.overrides(genome)] for genome in genomes]


class Scores(Callback):
    """Scores copies of a student at the ends of some epochs.

    Args:
        data: whose validation split is looked at.
        loader: of the training images.
        epochs: to score at, from 1.
        decay: of the moving average of weights, a step.
    """

    def __init__(self, data: Data, batch_size: int, epochs: Sequence[int], decay: float) -> None:
        self.images = list(data.val(EVAL_BATCH))
        self.train = partial(data.train, batch_size)
        self.epochs, self.decay = tuple(epochs), decay
        self.found: dict[str, float] = {}
        self._averaged: AveragedModel | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        student = pl_module.get_submodule("student")
        self._averaged = AveragedModel(student, multi_avg_fn=get_ema_multi_avg_fn(self.decay))  # type: ignore[no-untyped-call]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert self._averaged is not None
        self._averaged.update_parameters(pl_module.get_submodule("student"))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if epoch not in self.epochs:
            return
        assert self._averaged is not None
        student = deepcopy(pl_module.get_submodule("student"))
        averaged = deepcopy(self._averaged.module)
        running = self._ask(student)
        estimated, mean = (self._ask(self._estimate(network)) for network in (student, averaged))
        label = torch.cat([batch.label for batch in self.images])
        some = torch.randperm(len(label), generator=torch.Generator().manual_seed(0))[: len(label) * 2 // 5]
        found = {
            "running": cross_entropy(running, label),
            "estimated": cross_entropy(estimated, label),
            "averaged": cross_entropy(mean, label),
            "tempered": tempered(estimated, label),
            "error": error(estimated, label),
            "fewer": cross_entropy(estimated[some], label[some]),
            "averaged_error": error(mean, label),
        }
        self.found |= {f"{name}_{epoch}": value for name, value in found.items()}

    def _estimate(self, network: nn.Module) -> nn.Module:
        estimate_statistics(network, self.train())
        return network

    @torch.no_grad()
    def _ask(self, network: nn.Module) -> Tensor:
        network.eval()
        return torch.cat([network(batch.image).logits for batch in self.images])


def cross_entropy(logits: Tensor, label: Tensor) -> float:
    """In nats."""
    return F.cross_entropy(logits.double(), label).item()


def error(logits: Tensor, label: Tensor) -> float:
    """Top-1 error, 0 to 1."""
    return (logits.argmax(1) != label).double().mean().item()


def tempered(logits: Tensor, label: Tensor) -> float:
    """Cross-entropy after division by the one temperature that makes it smallest."""
    found = optimize.minimize_scalar(
        lambda log_tau: cross_entropy(logits / float(np.exp(log_tau)), label), bounds=(-4, 4), method="bounded"
    )
    return float(found.fun)


def train(
    arguments: Namespace,
    overrides: Sequence[str],
    seed: int,
    length: int,
    epochs: Sequence[int],
    prepare: Callable[[Parts], None] = lambda parts: None,
) -> dict[str, float]:
    """Train a candidate to the end of a schedule; returns its scores, each named after its epoch, such as ``error_3``.

    A rejected one lacks those that it did not get to, and has ``rejected``, the epochs until then.

    Args:
        arguments: of ``candidate_parser``.
        overrides: the candidate's.
        seed: of its weights, and of the data's order.
        length: of the schedule, in epochs.
        epochs: to score at, from 1.
        prepare: called with the parts of the training before it begins.
    """
    with TemporaryDirectory() as folder:
        settings = configure(
            *overrides, f"epochs={length}", f"seed={seed}", *HOW,
            f"teacher_store.directory={arguments.store}", f"paths.run_dir={folder}",
        )  # fmt: skip
        torch.set_num_threads(1)
        parts: Parts = build_parts(settings)
        prepare(parts)
        scores = Scores(parts.data, settings.recipe.batch_size, epochs, arguments.decay)
        rejection = RejectHopeless(parts.data.num_classes, settings.chance)
        try:
            train_quietly(parts.learner, parts.data, settings.trainer, length, None, [rejection, scores])
        except RejectedError as reason:
            scores.found["rejected"] = reason.epochs
    return scores.found


def train_to_end(
    arguments: Namespace,
    overrides: Sequence[str],
    seed: int,
    length: int,
    prepare: Callable[[Parts], None] = lambda parts: None,
) -> dict[str, float]:
    """As ``train``, scored at the end alone; the scores are named without the epoch."""
    found = train(arguments, overrides, seed, length, [length], prepare)
    return {name.removesuffix(f"_{length}"): value for name, value in found.items()}
