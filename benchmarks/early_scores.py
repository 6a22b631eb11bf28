"""python -m benchmarks.early_scores: which early score of a candidate tells what a long training makes of it.

Random candidates of a space are trained on a short schedule and scored on its rungs in several ways; then anew, on a
schedule some times as long. Scores, each on the validation split: cross-entropy with batch norm's ``running``
statistics, with ``estimated`` ones, of ``averaged`` weights (a moving average over steps, statistics estimated),
``tempered``, estimated after one temperature that is fitted on the split, ``error``, top-1 of the estimated one,
``fewer``, the estimated one on two fifths of the images, and ``last_two``, its mean over this epoch and the one before.
What the short training itself is told, and the random numbers, are not touched by any of it.

Each row is a candidate; rows are kept as they come, and the same command goes on after the last. The tables: Kendall's
tau of each score on each rung with the long training's cross-entropy and with its error, both with estimated
statistics, with a 95% bootstrap interval over candidates; the paired difference to ``running``; and the regret, how
much worse, in cross-entropy, the best of the third that the score promotes is than the best of all. These are of the
candidates that were not rejected on the way; ``with rejected`` is tau where those come last, which is easier to guess.

All else is said as to ``python -m uniads.search``: ``space=balanced data=cifar100 data.size=16 data.fraction=0.1``.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from math import inf
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
from scipy import optimize, stats
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks import reporting
from uniads import configure
from uniads.bridge.search_settings import search_settings
from uniads.bridge.space import build_space
from uniads.bridge.student import Students
from uniads.bridge.warm_start import WarmStart
from uniads.callback.rejection import RejectedError, RejectHopeless
from uniads.data.base import Data
from uniads.learner.loop import EVAL_BATCH, train_quietly
from uniads.learner.statistics import estimate_statistics
from uniads.options import conf_dir
from uniads.training.parts import Parts, build_parts, data_shape, load_data

SCORES = ("running", "estimated", "averaged", "tempered", "error", "fewer", "last_two")
HOW = ("threads=1", "trial=true", "compile=false", "teacher.compile=false", "trainer.accelerator=cpu")
RESAMPLES = 2000


def draw(arguments: Namespace) -> list[list[str]]:
    """The overrides of each candidate, those that all share included."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        cfg = loader.load_configuration("search", [f"+pair={arguments.pair}", *arguments.overrides], RunMode.RUN)
        with open_dict(cfg):
            cfg.hydra.runtime.output_dir = "."
        HydraConfig.instance().set_config(cfg)
        settings = search_settings(cfg, loader)
    shape = data_shape(load_data(settings.training))
    students = Students(settings.training.chosen_student, settings.space.models, shape)
    start = WarmStart(settings.space.base_distiller, (), settings.space.defaults)
    space = build_space(settings, students, start)
    shared = [each for each in settings.overrides if not each.startswith(("threads=", "statistics="))]
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
    folder: Path,
    length: int,
    epochs: Sequence[int],
    prepare: Callable[[Parts], object] = id,
) -> Scores:
    """Train a candidate to the end of a schedule and score it; no row of a rejected one is whole."""
    settings = configure(
        *overrides, f"epochs={length}", f"seed={arguments.seed}", *HOW,
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
    return scores


def measure(arguments: Namespace, number: int, overrides: Sequence[str]) -> dict[str, str | int | float]:
    """One candidate's scores: on the rungs of the short schedule, and at the end of the long one as ``long_...``."""
    top = arguments.rungs[-1]
    long = arguments.longer * top
    row: dict[str, str | int | float] = {"number": number, "overrides": " ".join(overrides)}
    with TemporaryDirectory() as folder:
        short = train(arguments, overrides, Path(folder) / "short", top, scored_epochs(arguments.rungs)).found
        row |= short
        if "rejected" not in short:
            found = train(arguments, overrides, Path(folder) / "long", long, [long]).found
            row |= {f"long_{name.removesuffix(f'_{long}')}": value for name, value in found.items()}
    return row


def scored_epochs(rungs: Sequence[int]) -> list[int]:
    """The rungs, and the epochs before them."""
    return sorted({epoch for rung in rungs for epoch in (rung - 1, rung) if epoch})


def value(row: dict[str, Any], name: str) -> float:
    """A score, infinite where the candidate never came so far."""
    score, _, epoch = name.rpartition("_")
    if score == "last_two":
        return (value(row, f"estimated_{max(1, int(epoch) - 1)}") + value(row, f"estimated_{epoch}")) / 2
    number = float(row.get(name, inf))
    return number if np.isfinite(number) else inf


def taus(early: np.ndarray[Any, Any], late: np.ndarray[Any, Any], picks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Kendall's tau-b of each resample, the whole set first."""
    return np.array([stats.kendalltau(early[pick], late[pick]).statistic for pick in picks])


def tables(rows: list[dict[str, Any]], arguments: Namespace) -> list[reporting.Row]:
    """What each score is worth on each rung."""
    through = [row for row in rows if "long_estimated" in row]
    draws = np.random.default_rng(0).integers(len(through), size=(RESAMPLES, len(through)))
    picks = np.concatenate([np.arange(len(through))[None], draws])
    numbers = {name: np.array([value(row, name) for row in through]) for name in names(arguments)}
    everyone = {name: np.array([min(value(row, name), 1e9) for row in rows]) for name in names(arguments)}
    late, wrong = numbers["long_estimated"], numbers["long_error"]
    promoted = max(1, len(through) // 3)
    table: list[reporting.Row] = []
    for rung in arguments.rungs:
        base = taus(numbers[f"running_{rung}"], late, picks)
        for score in SCORES:
            name = f"{score}_{rung}"
            early = numbers[name]
            found = taus(early, late, picks)
            low, high = np.nanquantile(found[1:], [0.025, 0.975])
            gain = found - base
            gain_low, gain_high = np.nanquantile(gain[1:], [0.025, 0.975])
            chosen = np.argsort(early, kind="stable")[:promoted]
            table.append(
                {
                    "score": f"{score}, epoch {rung}",
                    "tau": float(found[0]),
                    "95%": f"{low:.2f} to {high:.2f}",
                    "more than running": float(gain[0]),
                    "its 95%": f"{gain_low:.2f} to {gain_high:.2f}",
                    "tau with error": float(stats.kendalltau(early, wrong).statistic),
                    "with rejected": float(stats.kendalltau(everyone[name], everyone["long_estimated"]).statistic),
                    "regret": float(late[chosen].min() - late.min()),
                }
            )
    return table


def names(arguments: Namespace) -> list[str]:
    """Every score of a row."""
    return [*(f"{score}_{rung}" for score in SCORES for rung in arguments.rungs), "long_estimated", "long_error"]


def main() -> None:
    """Train, score, compare."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("overrides", nargs="*", help="of python -m uniads.search")
    parser.add_argument("--pair", default="resnet56-resnet20")
    parser.add_argument("--candidates", type=int, default=60, help="rows in all, those of earlier runs included")
    parser.add_argument("--rungs", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--longer", type=int, default=4, help="length of the long schedule in top rungs")
    parser.add_argument("--decay", type=float, default=0.97, help="of the moving average of weights, a step")
    parser.add_argument("--seed", type=int, default=0, help="of the candidates and their weights")
    parser.add_argument("--store", type=Path, default=Path("build/early_scores"), help="of the teacher's answers")
    parser.add_argument("--json", type=Path, help="where the rows are kept")
    arguments = parser.parse_args()
    arguments.store = arguments.store.resolve()
    rows = reporting.read_rows(arguments.json)
    for number, overrides in enumerate(draw(arguments)):
        if number >= len(rows):
            rows.append(measure(arguments, number, overrides))
            reporting.save("benchmarks.early_scores", arguments, rows)
    lost = sum("long_estimated" not in row for row in rows)
    table = [reporting.rounded_row(row) for row in tables(rows, arguments)]
    reporting.save("benchmarks.early_scores", arguments, rows, rejected=lost, tables=table)
    reporting.show(f"{len(rows)} candidates, {lost} rejected", table)


if __name__ == "__main__":
    main()
