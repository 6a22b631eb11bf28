"""The LightningModule: a frozen teacher, a student and a distiller."""

from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from uniads.distiller.base import Distiller
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network
from uniads.recipe import Recipe


class Frozen:
    """A teacher: in eval mode, without gradients, outside of the learner's state.

    It is no submodule of what holds it, so it gets into no optimizer and no checkpoint, and ``train()`` does not reach
    it.
    """

    def __init__(self, network: Network) -> None:
        self.network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Knowledge:
        """The teacher's knowledge of a batch."""
        knowledge: Knowledge = self.network(image)
        return knowledge


class Learner(LightningModule):
    """Trains a student on task * cross-entropy + the distiller's terms.

    Logged once an epoch: ``train/loss``, ``train/task`` and ``train/<term>`` (weighted), ``val/loss`` (nats),
    ``val/acc1`` (0 to 1), and likewise ``test/``.

    Args:
        student: the network to train.
        distiller: its adapters are made already.
        recipe: optimizer and schedule.
        epochs: length of the whole schedule, also when the training stops earlier.
        teacher: asked only if the distiller needs it; it is never changed.
        num_classes: number of classes.
    """

    def __init__(
        self,
        student: Network,
        distiller: Distiller,
        recipe: Recipe,
        epochs: int,
        num_classes: int,
        teacher: Network | None = None,
    ) -> None:
        super().__init__()
        if distiller.needs_teacher and teacher is None:
            raise ValueError("this distiller needs a teacher; give one, or use distiller=plain")
        self.student, self.distiller = student, distiller
        self.recipe, self.epochs = recipe, epochs
        self._teacher = Frozen(teacher) if teacher is not None else None
        self.loss = MeanMetric()
        self.acc1 = MulticlassAccuracy(num_classes, average="micro")
        self._sums: dict[str, Tensor] = {}

    @property
    def teacher(self) -> Network | None:
        """The frozen teacher."""
        return self._teacher.network if self._teacher else None

    def on_fit_start(self) -> None:
        if self._teacher:
            self._teacher.network.to(self.device)

    def on_train_epoch_start(self) -> None:
        self._sums = {}

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        student = self.student(batch.image)
        terms = {}
        if self._teacher and self.distiller.needs_teacher:
            terms = self.distiller(student, self._teacher(batch.image), batch)
        task = F.cross_entropy(student.logits.float(), batch.label)
        loss = self.distiller.task * task + sum(terms.values())
        self._note({"loss": loss, "task": task, **terms}, len(batch.label))
        return {"loss": loss, "task": task.detach()}

    def _note(self, values: dict[str, Tensor], images: int) -> None:
        """Sum up on the device; reading a value here would wait for the device in every step."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + images * value.detach()
        count = self._sums.get("images", torch.zeros((), device=self.device))
        self._sums["images"] = count + images

    def epoch_means(self) -> dict[str, float]:
        """Means over the images of the current epoch so far: the loss, the task loss and each weighted term."""
        return {
            name: float(value / self._sums["images"]) for name, value in self._sums.items() if name != "images"
        }

    def on_train_epoch_end(self) -> None:
        self.log_dict({f"train/{name}": value for name, value in self.epoch_means().items()})

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, "test")

    def _score(self, batch: Batch, part: str) -> None:
        logits = self.student(batch.image).logits.float()
        self.loss.update(F.cross_entropy(logits, batch.label, reduction="none"))
        self.acc1.update(logits, batch.label)
        self.log_dict({f"{part}/loss": self.loss, f"{part}/acc1": self.acc1}, on_step=False, on_epoch=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = self.recipe.optimizer([*self.student.parameters(), *self.distiller.parameters()])
        return {"optimizer": optimizer, "lr_scheduler": self.recipe.scheduler(optimizer, self.epochs)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rng"] = torch.get_rng_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        torch.set_rng_state(checkpoint["rng"])
