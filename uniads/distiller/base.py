"""What every distiller promises, and what it may know before the training."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import knowledge_of

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """What a distiller may need to know beside the batches; given once, before the training.

    ``Context.of(student, teacher, image)`` makes one; the fields that few distillers need are None unless given. A
    distiller that needs one of them says so.

    Attributes:
        student: the network that is trained.
        teacher: the frozen teacher; None if the distiller needs none.
        student_knowledge: of ``batch``, in eval mode, without gradient.
        teacher_knowledge: likewise; None without a teacher.
        batch: an example, for its shapes; two images of the data's shape. DML needs it.
        index_size: images in the training set, one more than the largest ``Batch.index``. CRD needs it.
        batch_size: images a batch, as the recipe says. SemCKD needs it.
        build: makes another, freshly initialised student of the same architecture. DML and ONE need it.
        label: for each index of the training set the class of its image, -1 if it is not trained on; None if unknown.
    """

    student: nn.Module
    teacher: nn.Module | None
    student_knowledge: Knowledge
    teacher_knowledge: Knowledge | None = None
    batch: Batch | None = None
    index_size: int | None = None
    batch_size: int | None = None
    build: Callable[[], nn.Module] | None = None
    label: Tensor | None = None

    @classmethod
    def of(
        cls,
        student: nn.Module,
        teacher: nn.Module | None,
        image: Tensor,
        *,
        label: Tensor | None = None,
        index_size: int | None = None,
        batch_size: int | None = None,
        build: Callable[[], nn.Module] | None = None,
    ) -> "Context":
        """The context of two networks, each run once on some images, in eval mode and without gradient.

        The networks are left in the mode that they were in, and otherwise unchanged.

        Args:
            student: the network that is trained; returns Knowledge.
            teacher: who teaches it; None where nobody does.
            image: images of the data's shape, (n, c, h, w); two are enough, and their values don't matter.
            label: see ``Context``.
            index_size: see ``Context``; None: the number of labels.
            batch_size: see ``Context``.
            build: see ``Context``.

        Raises:
            UserError: a network does not return Knowledge.
        """
        index = torch.arange(len(image))
        known = knowledge_of(student, image), knowledge_of(teacher, image) if teacher else None
        if index_size is None and label is not None:
            index_size = len(label)
        batch = Batch(image, torch.zeros_like(index), index)
        return cls(student, teacher, *known, batch, index_size, batch_size, build, label)

    def require(self, field: str, value: T | None, distiller: str) -> T:
        """The value of a field that is given.

        Args:
            field: its name.
            value: its value.
            distiller: who needs it.

        Raises:
            UserError: it is None.
        """
        if value is None:
            raise UserError(
                f"{distiller} needs the context's {field}, which is not given; give it: "
                f"Context.of(student, teacher, image, {field}=...)"
            )
        return value

    @property
    def taught(self) -> Knowledge:
        """The teacher's knowledge of the example.

        Raises:
            UserError: there is no teacher.
        """
        if self.teacher_knowledge is None:
            raise UserError("this distiller needs a teacher; give one, or use distiller=plain")
        return self.teacher_knowledge


class Distiller(nn.Module, ABC):
    """Named, weighted distillation terms of a batch. Its modules, such as adapters, train with the student.

    Args:
        task: weight of the cross-entropy with the labels, which the learner adds; 0 or more, finite.
    """

    def __init__(self, task: float = 1.0) -> None:
        super().__init__()
        self.task = check_weight("distiller.task", task)

    @property
    def needs_teacher(self) -> bool:
        """Whether the terms look at the teacher at all."""
        return True

    @property
    def needs_features(self) -> bool:
        """Whether the terms look at the teacher's feature maps."""
        return self.needs_teacher

    @property
    def over(self) -> bool:
        """Whether the distillation has ended: no term any more, and cross-entropy with the labels of weight 1."""
        return False

    @property
    def flops(self) -> int:
        """Floating-point operations of a forward pass of the distiller's own networks on one image."""
        return 0

    def formula(self) -> str:
        """The loss in one line, for a user to read."""
        return f"{self.task:g} * cross-entropy + {type(self).__name__}"

    @abstractmethod
    def adapt(self, context: Context) -> None:
        """Make the adapters and memories that this training needs. Called once, before it.

        Raises:
            UserError: the context lacks a field that the distiller needs, or does not fit it.
        """

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Say which epoch begins, from 0, and how many the whole schedule has. Most distillers do not care."""
        del epoch, epochs

    @abstractmethod
    def forward(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> dict[str, Tensor]:
        """The weighted terms by name, each a scalar in float32 or float64; the task loss is not among them.

        Without a teacher the student's knowledge stands in its place.
        """


def check_weight(name: str, weight: float) -> float:
    """The weight.

    Raises:
        UserError: it is negative or not finite.
    """
    if not 0 <= weight < float("inf"):
        raise UserError(f"{name} must be 0 or more and finite, got {weight}; 0 removes the term")
    return float(weight)


def full(x: Tensor) -> Tensor:
    """A tensor in float32; float64 stays float64."""
    return x if x.dtype.itemsize > 4 else x.float()
