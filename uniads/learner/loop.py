"""One Lightning training, short and quiet inside a search, long and visible outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import Checkpoint

from uniads.data.base import Data
from uniads.data.loader import Loader
from uniads.learner.kept import KeepBest, KeepEpochs, Kept, Sign, read_kept
from uniads.learner.learner import Learner
from uniads.learner.quiet import hush
from uniads.learner.statistics import EstimateStatistics
from uniads.notice import notify
from uniads.settings.trainer import TrainerSettings

EVAL_BATCH = 256


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        train_loss: mean total loss of the last epoch; None when nothing was left to train.
        val_loss: after the last epoch, in nats; None without a validation split.
        val_acc1: after the last epoch, 0 to 1.
        best_val_acc1: the highest of all validated epochs.
        best_epoch: the epoch that it belongs to, from 1.
        best: the student's weights after that epoch, where they were kept.
    """

    train_loss: float | None
    val_loss: float | None = None
    val_acc1: float | None = None
    best_val_acc1: float | None = None
    best_epoch: int | None = None
    best: dict[str, torch.Tensor] | None = None


def build_quiet_trainer(settings: TrainerSettings, **more: Any) -> Trainer:
    """A trainer that prints nothing and writes nothing."""
    keeps = any(isinstance(callback, Checkpoint) for callback in more.get("callbacks", ()))
    return _build_trainer(settings, logger=False, enable_checkpointing=keeps, enable_progress_bar=False, **more)


def _build_trainer(settings: TrainerSettings, **more: Any) -> Trainer:
    hush()  # Lightning sets the level of its notices when it is imported, after the command has set it
    if settings.facts.get("plugins") is None:
        # A training is one process, whatever a cluster's variables, such as SLURM_NTASKS, say of the job around it.
        more = {"plugins": LightningEnvironment(), **more}
    return settings.trainer(**more)


def score(
    learner: Learner,
    data: Data,
    part: str,
    settings: TrainerSettings,
    trainer: Trainer | None = None,
    callbacks: Sequence[Callback] = (),
) -> dict[str, float]:
    """Loss (nats) and top-1 accuracy (0 to 1) of a learner's student on ``val`` or ``test``.

    Args:
        learner: whose student is scored.
        data: images.
        part: of the images.
        settings: of the trainer.
        trainer: one that is there already.
        callbacks: of a new trainer.
    """
    trainer = trainer or build_quiet_trainer(settings, callbacks=list(callbacks))
    loader = getattr(data, part)(EVAL_BATCH, settings.device)
    run = trainer.validate if part == "val" else trainer.test
    (scores,) = run(learner, loader, verbose=False)
    return {"loss": scores[f"{part}/loss"], "acc1": scores[f"{part}/acc1"]}


def load_training(learner: Learner, data: Data, settings: TrainerSettings) -> Loader:
    """Batches as a learner trains on them, but for what it mixes."""
    recipe = learner.recipe
    return data.train(recipe.batch_size, settings.device, recipe.randaugment, learner.distiller.second_view)


def train_quietly(
    learner: Learner,
    data: Data,
    settings: TrainerSettings,
    stop_epoch: int,
    kept: Kept | None,
    callbacks: Sequence[Callback],
) -> Trained:
    """Train to ``stop_epoch`` with one validation at the end, going on from ``kept`` if that is there.

    Args:
        learner: its student and adapters are trained in place.
        data: images.
        settings: of the trainer.
        stop_epoch: epochs in all, those before the checkpoint included.
        kept: the checkpoint that is read at the start and replaced at the end; None to keep nothing.
        callbacks: such as the rejection of hopeless trainings.
    """
    signs = [Sign(kept.facts)] if kept else []
    trainer = build_quiet_trainer(settings, max_epochs=stop_epoch, limit_val_batches=0, callbacks=[*callbacks, *signs])
    start = kept.find(stop_epoch) if kept else None
    trainer.fit(learner, load_training(learner, data, settings), ckpt_path=start)
    if kept:
        kept.save(trainer)
    trainer.limit_val_batches = 1.0  # the same trainer scores: to make another one takes as long as a short epoch
    val = score(learner, data, "val", settings, trainer) if data.holdout else {}
    acc1 = val.get("acc1")
    return Trained(learner.means.get("loss"), val.get("loss"), acc1, acc1, stop_epoch if val else None)


def train_visibly(
    learner: Learner,
    data: Data,
    settings: TrainerSettings,
    stop_epoch: int,
    kept: Kept,
    callbacks: Sequence[Callback],
    logger: Any,
) -> Trained:
    """Train to ``stop_epoch``, validate and keep the last and the best student after every epoch.

    Going on from ``kept``, if that is there. Without a validation split no epoch is the best; with one, the best
    epoch's checkpoint stands beside the last one's, and both are there or none counts.
    """
    device, directory = settings.device, kept.file.parent
    keep = KeepBest(directory, "val/acc1" if data.holdout else None)
    best = Kept(directory / "best.ckpt", kept.facts)
    start = kept.find(stop_epoch)
    if start and data.holdout and best.find(stop_epoch) is None:
        if not best.file.exists():
            notify(f"{best.file} is missing, which {start} needs, so the training begins anew")
        start = None
    callbacks = [*callbacks, keep, KeepEpochs(kept), Sign(kept.facts)]
    trainer = _build_trainer(settings, max_epochs=stop_epoch, logger=logger, callbacks=callbacks)
    trainer.fit(
        learner,
        load_training(learner, data, settings),
        data.val(EVAL_BATCH, device) if data.holdout else None,
        ckpt_path=start,
    )
    if not data.holdout:
        return Trained(learner.means.get("loss"))
    judges = [callback for callback in callbacks if isinstance(callback, EstimateStatistics)]
    val = score(learner, data, "val", settings, callbacks=judges)
    found = read_kept(best.file)
    prefix = f"{learner.judged}."
    weights = {k.removeprefix(prefix): v for k, v in found["state_dict"].items() if k.startswith(prefix)}
    top = keep.best_model_score
    return Trained(
        learner.means.get("loss"),
        val["loss"],
        val["acc1"],
        float(top) if top is not None else None,
        found["epochs"],
        weights,
    )
