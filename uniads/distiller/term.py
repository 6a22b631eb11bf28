"""One term of a distiller that is a module of its own, since no node can say it."""

from abc import ABC, abstractmethod
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from uniads.distiller.base import Context, checked_weight, full
from uniads.knowledge import Batch, Knowledge


class Term(nn.Module, ABC):
    """weight * L(student, teacher), one addend of a ``Composed`` distiller. Its modules train with the student.

    Attributes:
        knowledge: what it compares, for a reader.

    Args:
        weight: 0 or more, finite; 0 removes the term.
    """

    knowledge: ClassVar[str] = ""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = checked_weight(f"the weight of {type(self).__name__}", weight)

    @property
    def needs_features(self) -> bool:
        """Whether the term looks at the teacher's feature maps."""
        return True

    @property
    def needs_teacher(self) -> bool:
        """Whether the term looks at the teacher; one that does not is given the student's knowledge in its place."""
        return True

    @property
    def flops(self) -> int:
        """Floating-point operations of a forward pass of the term's own networks on one image; adapters don't count."""
        return 0

    def formula(self) -> str:
        """The term in one line."""
        return f"{self.weight:g} * {type(self).__name__}"

    @abstractmethod
    def adapt(self, context: Context) -> None:
        """Make the modules that this training needs. Called once, before it."""

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Say which epoch begins, from 0, of how many. Most terms do not care."""
        del epoch, epochs

    @abstractmethod
    def forward(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        """The weighted term of a batch, a scalar. The teacher's knowledge gets no gradient."""


class Loss(Term, ABC):
    """A term that computes in float32, also under autocast; float64 stays float64."""

    @final  # type: ignore[misc]  # torch declares forward as a variable
    def forward(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        with torch.autocast(student.logits.device.type, enabled=False):
            return self.weight * self.compute(_full(student), _full(teacher, detach=True), batch)

    @abstractmethod
    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        """L, without the weight; the teacher's knowledge is detached."""


def _full(knowledge: Knowledge, detach: bool = False) -> Knowledge:
    def raised(x: Tensor) -> Tensor:
        return full(x.detach() if detach else x)

    return Knowledge(tuple(map(raised, knowledge.features)), raised(knowledge.embedding), raised(knowledge.logits))
