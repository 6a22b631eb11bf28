"""The LightningModule: a frozen teacher, a student and a distiller."""

from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from uniads.data.mix import Mix
from uniads.distiller.base import Distiller, full, task_loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge, read_batch, read_knowledge
from uniads.learner.average import Average
from uniads.learner.frozen import Frozen, TeacherSource
from uniads.learner.limit import check_loader, check_mixing, check_trainer, check_views
from uniads.learner.precision import casting
from uniads.learner.steps import count_steps
from uniads.model.base import AUTO, lay_out, place
from uniads.recipe import Recipe
from uniads.recipe.dot import DOT


class Learner(LightningModule):
    """Trains a student on task * cross-entropy + the distiller's terms, as a recipe says.

    It works in any Lightning ``Trainer``, with any loader of batches (image, label) or (image, label, index); see
    ``Batch``. Of the distillers CRD alone needs the index. Loss and task loss are computed in float32, or in float64
    with ``precision="64-true"``; the teacher answers in its own precision, and is then compared in the student's.

    Where the distiller looks at two views of each image, student and teacher see both as one batch, twice as large: so
    do batch norm's statistics, and the cross-entropy is the mean over both.

    Logged once an epoch: ``train/loss``, ``train/task`` and ``train/<term>`` (weighted), ``val/loss`` (nats),
    ``val/acc1`` (0 to 1), and likewise ``test/``.

    Attributes:
        epochs_done: whole epochs trained.
        means: of the last whole epoch, over its images: ``loss``, ``task`` and each weighted term by its name; of a
            term that is itself called ``loss`` or ``task`` by ``term/<name>``.
        graphs: whether the student is compiled as CUDA graphs. One belongs to one size of batch, and to record another
            takes a minute, so that all but whole training batches are then run uncompiled.
        average: the student's running average, where the recipe has one.

    Args:
        student: the network to train; returns Knowledge, or logits alone.
        distiller: its adapters are made already.
        recipe: optimizer and schedule.
        epochs: length of the whole schedule, also when the training stops earlier.
        num_classes: number of classes.
        teacher: a network, of which a frozen copy is asked, or what gives its knowledge of a batch; asked only if the
            distiller needs it, and no part of the learner's state.
        memory_format: of student and teacher; see ``lay_out`` of ``uniads.model.base``.
        seed: of what is mixed in a batch.
        dtype: in which the layers of student and adapters compute: float32, or bfloat16 under autocast, where weights,
            gradients, batch norm's statistics, the optimizer and every loss stay in float32.

    Raises:
        UserError: the distiller needs a teacher, or can't learn from mixed images.
    """

    def __init__(
        self,
        student: nn.Module,
        distiller: Distiller,
        recipe: Recipe,
        epochs: int,
        num_classes: int,
        teacher: TeacherSource | nn.Module | None = None,
        memory_format: str = AUTO,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if distiller.needs_teacher and teacher is None:
            raise UserError("this distiller needs a teacher; give one, or use distiller=plain")
        check_mixing(recipe, distiller)
        self.student = student
        self._layout = lay_out(student, memory_format)
        self._computes = dtype
        self.distiller = distiller
        self.recipe, self.epochs = recipe, epochs
        decay = recipe.squeeze_ema(epochs)
        self.average = None if decay is None else Average(student, decay)
        self.mix = Mix(recipe.mixup, recipe.cutmix, num_classes, seed) if recipe.mixes else None
        # Frozen, a network is no submodule: it gets into no optimizer and no checkpoint.
        self.teacher = Frozen(teacher, memory_format=memory_format) if isinstance(teacher, nn.Module) else teacher
        self.loss = MeanMetric(nan_strategy="disable")  # a loss that is no number must show
        self.acc1 = MulticlassAccuracy(num_classes, average="micro")
        self.means: dict[str, float] = {}
        self.epochs_done = 0
        self.graphs = False
        self._sums: dict[str, Tensor] = {}
        self._images = 0
        self._addends: tuple[Tensor, Tensor | int] | None = None

    @property
    def judged(self) -> str:
        """The name of the network that is validated and kept: the student, or its running average."""
        return "student" if self.average is None else "average.module"

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        """A loader's batch as a ``Batch``. Without an index it has an empty one.

        Raises:
            UserError: it is no image with its label.
        """
        return read_batch(batch)

    def on_train_start(self) -> None:
        check_loader(self.trainer.train_dataloader, most=0)

    def on_validation_start(self) -> None:
        check_loader(self.trainer.val_dataloaders)

    def on_test_start(self) -> None:
        check_loader(self.trainer.test_dataloaders)

    def on_train_epoch_start(self) -> None:
        self._sums, self._images = {}, 0
        self.distiller.set_epoch(self.current_epoch, self.epochs)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        try:
            return self._train_on(batch, batch_idx)
        except StopIteration as error:  # which Lightning would take for the end of the data
            raise RuntimeError("a part of the training raised StopIteration") from error

    def _train_on(self, batch: Batch, number: int) -> dict[str, Tensor]:
        check_views(self.distiller, batch)
        if self.mix:
            batch = self.mix(batch, self.current_epoch, number)
        task, terms = self.losses(self.student, self.distiller, batch)
        weighted = (1.0 if self.distiller.over else self.distiller.task) * task
        distilled = sum(terms.values())  # the number 0 where there is none
        loss = weighted + distilled
        self._addends = weighted, distilled
        named = {_label(name): value for name, value in terms.items()}
        self._add_to_sums({"loss": loss, "task": task, **named}, len(batch.label))
        return {"loss": loss, "task": task.detach()}

    def losses(self, student: nn.Module, distiller: Distiller, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The task loss of a batch, and the distiller's weighted terms by name.

        Args:
            student: the learner's, or a copy of it.
            distiller: likewise.
            batch: as it is trained on, mixed where the recipe mixes.
        """
        # First the teacher: while the student waits for its backward pass, torch would record a graph of the teacher
        # anew at every call, and a store may ask for a whole epoch here.
        teacher = self._ask_teacher(batch)
        with casting(self._computes, batch.image.device):
            known = self._ask(student, batch)
            task = task_loss(known.logits, batch, self.recipe.label_smoothing)
            terms: dict[str, Tensor] = {} if distiller.over else distiller(known, teacher or known, batch)
        return task, terms

    def _ask_teacher(self, batch: Batch) -> Knowledge | None:
        """The teacher's knowledge of a batch; None where no term looks at it."""
        wanted = self.distiller.needs_teacher and not self.distiller.over
        return self.teacher(batch, self.current_epoch) if self.teacher and wanted else None

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        optimizer = self.optimizers(use_pl_optimizer=False)
        if isinstance(optimizer, DOT) and self._addends:
            optimizer.backward(loss, *self._addends)
        else:
            super().backward(loss, *args, **kwargs)
        self._addends = None  # their graph is gone

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        if self.average:
            self.average.update(self.student, self.trainer.global_step)

    def _ask(self, network: nn.Module, batch: Batch) -> Knowledge:
        """What the student, its average or a copy knows about a batch."""
        image = place(batch.image, self._layout)
        compiled = not self.graphs or (self.training and len(image) == batch.views * self.recipe.batch_size)
        # Of a compiled student's answers none is computed out of another: gradients between them can't be measured.
        compiled = compiled and (self.distiller.settled or not self.training)
        return read_knowledge(network(image) if compiled else network.forward(image), "student")

    def _add_to_sums(self, values: dict[str, Tensor], images: int) -> None:
        """Sum up on the device; reading a value here would wait for the device in every step."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + images * value.detach()
        self._images += images

    def on_train_epoch_end(self) -> None:
        self.means = {name: float(value / self._images) for name, value in self._sums.items()}
        self.log_dict({f"train/{name}": value for name, value in self.means.items()})
        self.epochs_done = self.current_epoch + 1

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, "test")

    def _score(self, batch: Batch, part: str) -> None:
        try:
            with casting(self._computes, batch.image.device):
                logits = full(self._ask(self.get_submodule(self.judged), batch).logits)
        except StopIteration as error:
            raise RuntimeError("the student raised StopIteration") from error
        if logits.dtype == torch.float64:
            self.loss.set_dtype(torch.float64)
        self.loss.update(F.cross_entropy(logits, batch.label, reduction="none"))
        self.acc1.update(logits, batch.label)
        self.log_dict({f"{part}/loss": self.loss, f"{part}/acc1": self.acc1}, on_step=False, on_epoch=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        trainer = self._trainer
        if trainer is not None:
            check_trainer(self.recipe, trainer)
        # Under automatic mixed precision Lightning can't clip the gradients of a fused optimizer.
        clipped = trainer is not None and trainer.gradient_clip_val and "mixed" in str(trainer.precision)
        parameters = [*self.student.parameters(), *self.distiller.parameters()]
        optimizer = self.recipe.build_optimizer(parameters, fused=not clipped)
        if not self.recipe.stepwise:
            return {"optimizer": optimizer, "lr_scheduler": self.recipe.build_scheduler(optimizer, self.epochs)}
        scheduler = self.recipe.build_scheduler(optimizer, self.epochs, count_steps(self.trainer))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rng"] = torch.get_rng_state()
        checkpoint["means"] = self.means
        checkpoint["epochs"] = self.epochs_done

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        torch.set_rng_state(checkpoint["rng"])
        self.means = checkpoint["means"]
        self.epochs_done = checkpoint["epochs"]


def _label(term: str) -> str:
    """Under which name a term's mean is kept and logged, apart from the learner's own two."""
    return f"term/{term}" if term in ("loss", "task") else term
