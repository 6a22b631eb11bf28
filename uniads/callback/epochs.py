"""What a long training without a logger tells after every epoch."""

from collections.abc import Callable, Iterable

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from uniads.knowledge import Batch


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
        student = module.get_submodule(str(module.judged))
        student.eval()
        right = count = 0
        for batch in self.images:
            image = trainer.precision_plugin.convert_input(batch.image)  # as the trainer's own batches are
            found = student(image).logits.argmax(1)
            right += int((found == batch.label).sum())
            count += len(found)
        student.train()
        return right / count
