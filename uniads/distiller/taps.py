"""Which of the teacher's feature maps a distiller looks at."""

from uniads.distiller.base import Distiller
from uniads.distiller.composed import Composed
from uniads.distiller.node import Node


def needed_taps(distiller: Distiller, count: int) -> tuple[int, ...]:
    """The taps, from 0, in ascending order; all of them where a distiller does not say.

    Args:
        distiller: any.
        count: how many taps the teacher has.
    """
    if not distiller.needs_features:
        return ()
    terms = list(distiller.nodes.values()) if isinstance(distiller, Composed) else [distiller]
    if any(not isinstance(term, Node) and term.needs_features for term in terms):
        return tuple(range(count))
    nodes = [term for term in terms if isinstance(term, Node) and term.source == "feature"]
    return tuple(sorted({range(count)[node.tap] for node in nodes if -count <= node.tap < count}))
