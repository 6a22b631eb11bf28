"""A chain of transforms: what may follow what."""

from collections.abc import Sequence

from uniads.distiller.legal import has_classes, start_rank
from uniads.error import UserError
from uniads.transform.base import LabelTransform, Transform


def find_simplex(steps: Sequence[Transform], source: str) -> tuple[int, ...] | None:
    """The axes over which a chain's output is a distribution; None where it is none.

    Args:
        steps: the transforms, in their order.
        source: the kind of knowledge that the first is given.

    Raises:
        UserError: a transform does not take the rank that it is given, or looks for classes where there are none.
    """
    rank, classes = start_rank(source), has_classes(source)
    for position, step in enumerate(steps):
        before = f"after {type(steps[position - 1]).__name__}" if position else "first"
        if isinstance(step, LabelTransform) and not classes:
            raise UserError(
                f"{type(step).__name__} can't come {before} in a node of {source}: it looks for the score of the "
                "label; give it logits, cam or regions, as they are or after a transform that keeps the classes, such "
                "as standardise"
            )
        classes = classes and step.keeps_classes
        if rank not in step.ranks:
            raise UserError(
                f"{type(step).__name__} can't come {before}: it takes rank {sorted(step.ranks)}, got rank {rank}"
            )
        rank = step.ranks[rank]
    return steps[-1].simplex if steps else None
