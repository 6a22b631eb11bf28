"""What every distiller promises, and what it may know before the training."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge, MixedBatch, read_knowledge
from uniads.model.base import AUTO, knowledge_of

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """What a distiller may need to know beside the batches; given once, before the training.

    ``Context.of(student, teacher, image)`` makes one of two networks, ``Context.between(student, teacher)`` of what
    they said; the fields that few distillers need are None unless given. A distiller that needs one of them says so.

    Attributes:
        student: the network that is trained; None if only its knowledge is at hand.
        teacher: the frozen teacher; None if the distiller needs none, or if only its knowledge is at hand.
        student_knowledge: of ``batch``, in eval mode, without gradient.
        teacher_knowledge: likewise; None without a teacher.
        batch: an example, for its shapes; two images of the data's shape. DML needs it.
        index_size: images in the training set, one more than the largest ``Batch.index``. CRD needs it.
        batch_size: images a batch, as the recipe says. SemCKD needs it.
        build: makes another, freshly initialised student of the same architecture. DML and ONE need it.
        label: for each index of the training set the class of its image, -1 if it is not trained on; None if unknown.
        memory_format: of networks that the distiller trains beside the student; see ``lay_out``.
    """

    student: nn.Module | None
    teacher: nn.Module | None
    student_knowledge: Knowledge
    teacher_knowledge: Knowledge | None = None
    batch: Batch | None = None
    index_size: int | None = None
    batch_size: int | None = None
    build: Callable[[], nn.Module] | None = None
    label: Tensor | None = None
    memory_format: str = AUTO

    @classmethod
    def between(cls, student: Any, teacher: Any = None) -> "Context":
        """The context of what two networks said of some images: all that most distillers need.

        Args:
            student: ``Knowledge``, or logits alone, a tensor (images, classes).
            teacher: likewise; None without a teacher.

        Raises:
            UserError: one of them is neither.
        """
        taught = None if teacher is None else read_knowledge(teacher, "teacher")
        return cls(None, None, read_knowledge(student, "student"), taught)

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
            given = "" if field in ("teacher", "batch") else f", {field}=..."
            raise UserError(
                f"{distiller} needs the context's {field}, which is not given; give it: "
                f"adapt(Context.of(student, teacher, image{given})), of two networks"
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
    def dresses(self) -> bool:
        """Whether it trains another network in the student's place, made of the student; see ``dress``."""
        return False

    @property
    def needs_batch(self) -> bool:
        """Whether the terms look at images, labels or positions; what is mixed has none that is its own."""
        return True

    @property
    def second_view(self) -> tuple[int, int] | None:
        """Operations and magnitude of RandAugment on a second view of each image, which it looks at too; None for none.

        The loader gives both views in one ``PairedBatch``, so that student and teacher see twice as many images, which
        the cross-entropy and all terms have in common.
        """
        return None

    @property
    def views(self) -> int:
        """How often each image is in a batch."""
        return 1 if self.second_view is None else 2

    @property
    def over(self) -> bool:
        """Whether the distillation has ended: no term any more, and cross-entropy with the labels of weight 1."""
        return False

    @property
    def settled(self) -> bool:
        """Whether the terms look at the student's answers alone, and no more at the graph that they come from."""
        return True

    @property
    def factors(self) -> dict[str, float]:
        """By what each term is multiplied beside its weight, as it was measured; empty where nothing is."""
        return {}

    @property
    def flops(self) -> int:
        """Floating-point operations of a forward pass of the distiller's own networks on one image."""
        return 0

    def formula(self) -> str:
        """The loss in one line, for a user to read."""
        return f"{self.task:g} * cross-entropy + {type(self).__name__}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Distiller":
        """Move and convert, but to no less than float32: a distillation loss is never computed in half precision."""

        def convert(x: Tensor) -> Tensor:
            y = fn(x)
            return x.to(y.device) if y.is_floating_point() and y.dtype.itemsize < min(4, x.dtype.itemsize) else y

        moved: Distiller = super()._apply(convert, recurse)  # type: ignore[no-untyped-call]
        return moved

    def dress(self, student: nn.Module, teacher: nn.Module | None, image: Tensor) -> nn.Module:
        """The network that is trained, exported and counted in the student's place. Called once, before ``adapt``.

        Mostly it is the student itself.

        Args:
            student: may become part of what is returned, and changed by that. On the device ``meta`` both networks have
                shapes alone.
            teacher: is not changed.
            image: images of the data's shape; their values don't matter.

        Raises:
            UserError: the student can't be dressed like that.
        """
        del teacher, image
        return student

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
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
        raise UserError(f"{name} must be 0 or more and finite, got {say(weight)}; 0 removes the term")
    return float(weight)


def check_tau(name: str, tau: float) -> float:
    """The temperature.

    Raises:
        UserError: it is not above 0, or not finite.
    """
    if not 0 < tau < float("inf"):
        raise UserError(f"{name} must be above 0 and finite, got {tau}")
    return tau


def say(value: object) -> str:
    """A value for a message; of an object its class alone."""
    return repr(value) if isinstance(value, int | float | str | bool | None) else type(value).__name__


def check_given(knowledge: Knowledge, part: str, who: str, whose: str) -> None:
    """Check that knowledge has a part, which logits alone do not.

    Args:
        knowledge: of one side.
        part: ``feature``, ``embedding`` or ``logits``.
        who: needs it.
        whose: the knowledge is: ``student`` or ``teacher``.

    Raises:
        UserError: it has not.
    """
    if (part == "feature" and not knowledge.features) or (part == "embedding" and not knowledge.embedding.numel()):
        raise UserError(
            f"{who} compares {'feature maps' if part == 'feature' else 'embeddings'}, and the {whose}'s knowledge has "
            "none; give Knowledge(features, embedding, logits), not logits alone"
        )


def task_loss(logits: Tensor, batch: Batch, smoothing: float = 0.0) -> Tensor:
    """The cross-entropy with the labels, or, of mixed images, with the shares of their classes; the batch's mean.

    Args:
        logits: of the images, (n, classes).
        batch: the images.
        smoothing: ε, 0 to below 1: the goal is (1 - ε) · the label's + ε / classes.
    """
    logits = full(logits)
    goal = batch.goal.to(logits.dtype) if isinstance(batch, MixedBatch) else batch.label
    return F.cross_entropy(logits, goal, label_smoothing=smoothing)


def full(x: Tensor) -> Tensor:
    """A tensor in float32; float64 stays float64."""
    return x if x.dtype.itemsize > 4 else x.float()


def full_dtype(module: nn.Module, *compared: Tensor) -> torch.dtype:
    """In which a loss is computed: that of the module's weights, if it has any, else the widest; float32 at least."""
    widest = torch.float64 if any(x.dtype == torch.float64 for x in compared) else torch.float32
    return next((weight.dtype for weight in module.parameters() if weight.dtype.itemsize >= 4), widest)


def shown(x: Tensor, network: nn.Module) -> Tensor:
    """A tensor in the dtype of a network's weights, where autocast does not see to that."""
    weight = next(network.parameters(), x)
    return x if torch.is_autocast_enabled(x.device.type) else x.to(weight.dtype)
