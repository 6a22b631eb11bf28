"""One term of a distiller that is a module of its own, since no node can say it."""

from abc import ABC, abstractmethod
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from uniads.distiller.base import Context, check_given, check_weight, full_dtype
from uniads.distiller.course import Course
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge


class Term(nn.Module, ABC):
    """weight * L(student, teacher), one addend of a ``Composed`` distiller. Its modules train with the student.

    Attributes:
        knowledge: what it compares, for a reader.
        parts: of the knowledge of both sides, without which it can't do: ``feature``, ``embedding``.
        needs_batch: whether it looks at images, labels or positions.
        dresses: whether it trains another network in the student's place; see ``Distiller.dress``.
        taps: the teacher's feature maps that it looks at, where it needs any; None for all of them.
        adapted: whether ``adapt`` was called.
        share: of its weight, that it has in this epoch; ``set_epoch`` sets it, and ``Composed`` multiplies by it.

    Args:
        weight: 0 or more, finite; 0 removes the term.
        course: how the weight changes during the training; None: it does not.
    """

    knowledge: ClassVar[str] = ""
    parts: ClassVar[tuple[str, ...]] = ()
    needs_batch: ClassVar[bool] = True
    dresses: ClassVar[bool] = False
    taps: ClassVar[tuple[int, ...] | None] = None

    def __init__(self, weight: float = 1.0, course: Course | None = None) -> None:
        super().__init__()
        self.adapted, self.share = False, 1.0
        self.course = course or Course()
        self.weight = check_weight(f"the weight of {type(self).__name__}", weight)

    @property
    def needs_features(self) -> bool:
        """Whether the term looks at the teacher's feature maps."""
        return True

    @property
    def needs_teacher(self) -> bool:
        """Whether the term looks at the teacher; one that does not is given the student's knowledge in its place."""
        return True

    @property
    def second_view(self) -> tuple[int, int] | None:
        """The second view of each image that the term looks at; see ``Distiller.second_view``. Most look at none."""
        return None

    @property
    def flops(self) -> int:
        """Floating-point operations of a forward pass of the term's own networks on one image; adapters don't count."""
        return 0

    def formula(self) -> str:
        """The term in one line."""
        return f"{self.weight:g} * {type(self).__name__}"

    def dress(self, student: nn.Module, teacher: nn.Module | None, image: Tensor) -> nn.Module:
        """The network that is trained in the student's place; see ``Distiller.dress``. Most terms have none."""
        del teacher, image
        return student

    @final
    def adapt(self, context: Context) -> None:
        """Make the modules that this training needs. Called once, before it.

        Raises:
            UserError: the context lacks a field that the term needs, or does not fit it.
        """
        self._check_parts(context.student_knowledge, context.teacher_knowledge)
        self.prepare(context)
        self.adapted = True

    def _check_parts(self, student: Knowledge, teacher: Knowledge | None) -> None:
        for part in self.parts:
            for known, whose in ((student, "student"), (teacher, "teacher")):
                if known is not None:
                    check_given(known, part, type(self).__name__, whose)

    @abstractmethod
    def prepare(self, context: Context) -> None:
        """What ``adapt`` does for this term."""

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Say which epoch begins, from 0, of how many."""
        self.share = self.course.share(epoch, epochs)

    @final  # type: ignore[misc]  # torch declares forward as a variable
    def forward(self, student: Knowledge, teacher: Knowledge, batch: Batch | None = None) -> Tensor:
        """The weighted term of a batch, a scalar. The teacher's knowledge gets no gradient.

        Raises:
            UserError: ``adapt`` was not called, or what the term looks at is not given.
        """
        name = type(self).__name__
        if not self.adapted:
            raise UserError(
                f"{name} has modules of its own that depend on the networks; call adapt(...) of the distiller first, "
                "with Context.of(student, teacher, image) of uniads.distiller.base"
            )
        self._check_parts(student, teacher)
        if batch is None and self.needs_batch:
            raise UserError(f"{name} looks at the batch, which is not given; call distiller(student, teacher, batch)")
        return self.weigh(student, teacher, batch or _blank(student.logits))

    @abstractmethod
    def weigh(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        """What ``forward`` returns, once the modules are made."""


class Loss(Term, ABC):
    """A term weight * L that computes in float32, also under autocast; float64 stays float64.

    Its weights decide between the two where it has any; they are never in half precision.
    """

    @final
    def weigh(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        with torch.autocast(student.logits.device.type, enabled=False):
            dtype = full_dtype(self, student.logits, teacher.logits)
            return self.weight * self.compute(_convert(student, dtype), _convert(teacher, dtype, detach=True), batch)

    @abstractmethod
    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        """L, without the weight; the teacher's knowledge is detached."""


def _blank(logits: Tensor) -> Batch:
    """A batch for terms that look at none."""
    label = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    return Batch(logits.new_empty(len(logits), 0, 0, 0), label, label[:0])


def _convert(knowledge: Knowledge, dtype: torch.dtype, detach: bool = False) -> Knowledge:
    def convert(x: Tensor) -> Tensor:
        return (x.detach() if detach else x).to(dtype)

    return Knowledge(tuple(map(convert, knowledge.features)), convert(knowledge.embedding), convert(knowledge.logits))
