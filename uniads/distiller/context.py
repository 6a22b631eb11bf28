"""What a distiller may know before a training, made from the data and the networks."""

from collections.abc import Callable

import torch

from uniads.data.base import Data
from uniads.distiller.base import Context
from uniads.knowledge import Batch
from uniads.model.base import AUTO, Network, knowledge_of

__all__ = ["context_for", "example", "knowledge_of"]


def example(data: Data) -> torch.Tensor:
    """A blank batch of two images of a data set's shape."""
    return torch.zeros(2, data.channels, *data.size)


def context_for(
    student: Network,
    teacher: Network | None,
    data: Data,
    batch_size: int,
    build: Callable[[], Network],
    memory_format: str = AUTO,
) -> Context:
    """The context of a training.

    Args:
        student: the network that is trained.
        teacher: who teaches it; None where nobody does.
        data: what it is trained on.
        batch_size: images a batch.
        build: makes another student.
        memory_format: see ``lay_out``.
    """
    image = example(data)
    every, trained = data.label(train=True).cpu(), data.train(1).index.cpu()
    return Context(
        student=student,
        teacher=teacher,
        student_knowledge=knowledge_of(student, image),
        teacher_knowledge=knowledge_of(teacher, image) if teacher else None,
        batch=Batch(image, every[:2], torch.arange(2)),
        index_size=len(every),
        batch_size=batch_size,
        build=build,
        label=torch.full_like(every, -1).index_copy(0, trained, every[trained]),
        memory_format=memory_format,
    )
