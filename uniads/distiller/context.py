"""What a distiller may know before a training, made from the data and the networks."""

from collections.abc import Callable

import torch

from uniads.data.base import Data
from uniads.distiller.base import Context, Distiller
from uniads.knowledge import Batch
from uniads.model.base import AUTO, Network, knowledge_of

__all__ = ["context_for", "equip", "example", "knowledge_of"]


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


def equip(
    distiller: Distiller,
    student: Network,
    teacher: Network | None,
    data: Data,
    batch_size: int,
    build: Callable[[], Network],
    memory_format: str = AUTO,
) -> tuple[Network, Context]:
    """Make student and distiller ready for each other.

    Args:
        distiller: is adapted.
        student: see ``Distiller.dress``.
        teacher: see ``context_for``, as all that follow.
        data: what it is trained on.
        batch_size: images a batch; those that come in two views count twice in the context.
        build: makes another student, as it is before it is dressed.
        memory_format: see ``lay_out``.

    Returns:
        The network to train, which is the student unless the distiller trains another in its place, and the context.

    Raises:
        UserError: they don't fit together.
    """
    dressed = distiller.dress(student, teacher, example(data))
    assert isinstance(dressed, Network)
    context = context_for(dressed, teacher, data, batch_size * distiller.views, build, memory_format)
    distiller.adapt(context)
    return dressed, context
