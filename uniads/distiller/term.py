"""One term of a distiller that is a module of its own, since no node can say it."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from uniads.distiller.base import Context, checked_weight
from uniads.knowledge import Batch, Knowledge


class Term(nn.Module, ABC):
    """weight * L(student, teacher), one addend of a ``Composed`` distiller. Its modules train with the student.

    Autocast is off while it computes, and half-precision knowledge is raised to float32; float64 stays float64.

    Args:
        weight: 0 or more, finite; 0 removes the term.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = checked_weight(f"the weight of {type(self).__name__}", weight)

    @property
    def needs_features(self) -> bool:
        """Whether the term looks at the teacher's feature maps."""
        return True

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
