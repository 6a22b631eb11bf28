"""The LightningModule: a frozen teacher, a student and a distiller."""

from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from uniads.distiller.base import Distiller
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.learner.frozen import Frozen, TeacherSource
from uniads.model.base import Network, lay_out
from uniads.recipe import Recipe


class Learner(LightningModule):
    """Trains a student on task * cross-entropy + the distiller's terms.

    It works in any Lightning ``Trainer``, with any loader of batches (image, label) or (image, label, index); see
    ``Batch``. Of the distillers CRD alone needs the index.

    Logged once an epoch: ``train/loss``, ``train/task`` and ``train/<term>`` (weighted), ``val/loss`` (nats),
    ``val/acc1`` (0 to 1), and likewise ``test/``.

    Attributes:
        epochs_done: whole epochs trained.
        means: of the last whole epoch, over its images: the loss, the task loss and each weighted term.
        graphs: whether the student is compiled as CUDA graphs. One belongs to one size of batch, and to record another
            takes a minute, so that all but whole training batches are then run uncompiled.

    Args:
        student: the network to train.
        distiller: its adapters are made already.
        recipe: optimizer and schedule.
        epochs: length of the whole schedule, also when the training stops earlier.
        num_classes: number of classes.
        teacher: a network, which is frozen, or what gives its knowledge of a batch; asked only if the distiller needs
            it, and no part of the learner's state.
    """

    def __init__(
        self,
        student: Network,
        distiller: Distiller,
        recipe: Recipe,
        epochs: int,
        num_classes: int,
        teacher: TeacherSource | nn.Module | None = None,
    ) -> None:
        super().__init__()
        if distiller.needs_teacher and teacher is None:
            raise UserError("this distiller needs a teacher; give one, or use distiller=plain")
        self.student = student
        self._layout = lay_out(student)
        self.distiller = distiller
        self.recipe, self.epochs = recipe, epochs
        # Frozen, a network is no submodule: it gets into no optimizer and no checkpoint.
        self.teacher = Frozen(teacher) if isinstance(teacher, nn.Module) else teacher
        self.loss = MeanMetric()
        self.acc1 = MulticlassAccuracy(num_classes, average="micro")
        self.means: dict[str, float] = {}
        self.epochs_done = 0
        self.graphs = False
        self._sums: dict[str, Tensor] = {}

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        """A loader's batch as a ``Batch``. Without an index it has an empty one.

        Raises:
            UserError: it is no image with its label.
        """
        if isinstance(batch, Batch):
            return batch
        if not isinstance(batch, list | tuple) or len(batch) not in (2, 3):
            raise UserError(
                f"a batch must be (image, label) or (image, label, index), got {type(batch).__name__}; give a loader "
                "of such tuples"
            )
        return Batch(batch[0], batch[1], batch[2] if len(batch) == 3 else torch.empty(0, dtype=torch.long))

    def on_train_epoch_start(self) -> None:
        self._sums = {}
        self.distiller.set_epoch(self.current_epoch, self.epochs)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        try:
            return self._train_on(batch)
        except StopIteration as error:  # which Lightning would take for the end of the data
            raise RuntimeError("a part of the training raised StopIteration") from error

    def _train_on(self, batch: Batch) -> dict[str, Tensor]:
        # First the teacher: while the student waits for its backward pass, torch would record a graph of the teacher
        # anew at every call, and a store may ask for a whole epoch here.
        teacher = self._ask_teacher(batch)
        student = self._ask_student(batch)
        task = F.cross_entropy(student.logits.float(), batch.label)
        terms: dict[str, Tensor] = {} if self.distiller.over else self.distiller(student, teacher or student, batch)
        loss = (1.0 if self.distiller.over else self.distiller.task) * task + sum(terms.values())
        self._add_to_sums({"loss": loss, "task": task, **terms}, len(batch.label))
        return {"loss": loss, "task": task.detach()}

    def _ask_teacher(self, batch: Batch) -> Knowledge | None:
        """The teacher's knowledge of a batch; None where no term looks at it."""
        wanted = self.distiller.needs_teacher and not self.distiller.over
        return self.teacher(batch, self.current_epoch) if self.teacher and wanted else None

    def _ask_student(self, batch: Batch) -> Knowledge:
        image = batch.image.contiguous(memory_format=self._layout)
        compiled = not self.graphs or (self.training and len(image) == self.recipe.batch_size)
        knowledge: Knowledge = self.student(image) if compiled else self.student.forward(image)
        return knowledge

    def _add_to_sums(self, values: dict[str, Tensor], images: int) -> None:
        """Sum up on the device; reading a value here would wait for the device in every step."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + images * value.detach()
        count = self._sums.get("images", torch.zeros((), device=self.device))
        self._sums["images"] = count + images

    def on_train_epoch_end(self) -> None:
        images = self._sums.pop("images")
        self.means = {name: float(value / images) for name, value in self._sums.items()}
        self.log_dict({f"train/{name}": value for name, value in self.means.items()})
        self.epochs_done = self.current_epoch + 1

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, "test")

    def _score(self, batch: Batch, part: str) -> None:
        try:
            logits = self._ask_student(batch).logits.float()
        except StopIteration as error:
            raise RuntimeError("the student raised StopIteration") from error
        self.loss.update(F.cross_entropy(logits, batch.label, reduction="none"))
        self.acc1.update(logits, batch.label)
        self.log_dict({f"{part}/loss": self.loss, f"{part}/acc1": self.acc1}, on_step=False, on_epoch=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = self.recipe.optimizer([*self.student.parameters(), *self.distiller.parameters()])
        return {"optimizer": optimizer, "lr_scheduler": self.recipe.scheduler(optimizer, self.epochs)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rng"] = torch.get_rng_state()
        checkpoint["means"] = self.means
        checkpoint["epochs"] = self.epochs_done

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        torch.set_rng_state(checkpoint["rng"])
        self.means = checkpoint["means"]
        self.epochs_done = checkpoint["epochs"]
