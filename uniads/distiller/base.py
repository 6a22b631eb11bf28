"""What every distiller promises."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from uniads.knowledge import Batch, Knowledge


class Distiller(nn.Module, ABC):
    """Named, weighted distillation terms of a batch. Its modules, such as adapters, train with the student.

    Args:
        task: weight of the cross-entropy with the labels, which the learner adds; 0 or more, finite.
    """

    def __init__(self, task: float = 1.0) -> None:
        super().__init__()
        self.task = checked_weight("distiller.task", task)

    @property
    def needs_teacher(self) -> bool:
        """Whether the terms look at the teacher at all."""
        return True

    @property
    def needs_features(self) -> bool:
        """Whether the terms look at the teacher's feature maps."""
        return self.needs_teacher

    def formula(self) -> str:
        """The loss in one line, for a user to read."""
        return f"{self.task:g} * cross-entropy + {type(self).__name__}"

    @abstractmethod
    def adapt(self, student: Knowledge, teacher: Knowledge) -> None:
        """Make the adapters that these shapes need. Called once, before training, with any batch's knowledge."""

    @abstractmethod
    def forward(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> dict[str, Tensor]:
        """The weighted terms by name, each a float32 scalar; the task loss is not among them."""


def checked_weight(name: str, weight: float) -> float:
    """The weight.

    Raises:
        ValueError: it is negative or not finite.
    """
    if not 0 <= weight < float("inf"):
        raise ValueError(f"{name} must be 0 or more and finite, got {weight}; 0 removes the term")
    return float(weight)
