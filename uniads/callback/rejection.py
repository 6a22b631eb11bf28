"""Stops a hopeless training as soon as it shows."""

from math import inf, log
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from uniads.error import UserError


class RejectedError(Exception):
    """A training was stopped.

    Attributes:
        reason: a sentence for the ledger.
        epochs: epochs trained until then, a fraction included.
    """

    def __init__(self, reason: str, epochs: float) -> None:
        super().__init__(reason)
        self.reason, self.epochs = reason, epochs


class RejectHopeless(Callback):
    """Raises when the loss is NaN or infinite, or when the first epoch ends at chance level.

    Chance level: the task loss on training batches, averaged over the last quarter of the first epoch, is above
    chance * ln(classes). The validation loss is no guide that early; running statistics of batch norm lag behind.

    Args:
        num_classes: at least 2.
        chance: above 0, a little over 1; None never stops a training for its chance level, as where an epoch has only
            a few steps.
        every: look at the loss every so many steps; each look waits for the device.
    """

    def __init__(self, num_classes: int, chance: float | None = 1.02, every: int = 10) -> None:
        if chance is not None and not chance > 0:
            raise UserError(f"chance must be above 0, or null for no bound, got {chance}")
        self.bound = inf if chance is None else chance * log(num_classes)
        self.every = every
        self._task: list[Tensor] = []
        self._loss: list[Tensor] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._task, self._loss = [], []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._task.append(outputs["task"].detach())
        self._loss.append(outputs["loss"].detach())
        steps = int(trainer.num_training_batches)
        last = batch_idx + 1 == steps
        epochs = trainer.current_epoch + (batch_idx + 1) / steps
        if last or batch_idx % self.every == 0:
            total = torch.stack(self._loss).sum().item()
            self._loss = []
            if not abs(total) < float("inf"):
                raise RejectedError(f"the training loss became {total} in epoch {trainer.current_epoch + 1}", epochs)
        if last and trainer.current_epoch == 0:
            quarter = torch.stack(self._task[-max(1, steps // 4) :]).mean().item()
            if quarter > self.bound:
                raise RejectedError(
                    f"task loss {quarter:.4g} in the last quarter of the first epoch, above chance level "
                    f"{self.bound:.4g}",
                    epochs,
                )
