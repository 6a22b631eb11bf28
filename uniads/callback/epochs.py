"""What a long training without a logger keeps and tells after every epoch."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from uniads.knowledge import Batch


class KeepEpochs(Checkpoint):
    """Saves a checkpoint after every epoch, so that a killed training loses no more than the epoch it was in.

    As a ``Checkpoint`` it is called when everything else of the epoch is done; where the next one has begun, Lightning
    would take it for one that is nearly over, and go on with its last batch.

    Args:
        file: replaced each time, in one step.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        partial = self.file.with_suffix(".part")
        trainer.save_checkpoint(partial)
        os.replace(partial, self.file)


class TellEpochs(Callback):
    """Tells where a training begins, and after every epoch how good the student is.

    Args:
        images: on the training's device; the accuracy is measured on them.
        start: is given the epochs done by an earlier process.
        epoch: is given the epochs done and the top-1 accuracy, 0 to 1.
    """

    def __init__(
        self, images: Iterable[Batch], start: Callable[[int], None], epoch: Callable[[int, float], None]
    ) -> None:
        self.images, self.start, self.epoch = images, start, epoch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.start(trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epoch(trainer.current_epoch + 1, self._measure_accuracy(trainer, pl_module))

    @torch.no_grad()
    def _measure_accuracy(self, trainer: Trainer, module: LightningModule) -> float:
        student = module.get_submodule("student")
        student.eval()
        right = count = 0
        for batch in self.images:
            image = trainer.precision_plugin.convert_input(batch.image)  # as the trainer's own batches are
            found = student(image).logits.argmax(1)
            right += int((found == batch.label).sum())
            count += len(found)
        student.train()
        return right / count
