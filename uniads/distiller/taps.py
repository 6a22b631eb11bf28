"""Which of the teacher's feature maps a distiller looks at."""

from uniads.distiller.base import Distiller
from uniads.distiller.composed import Composed
from uniads.distiller.node import Node
from uniads.distiller.term import Term


def needed_taps(distiller: Distiller, count: int) -> tuple[int, ...]:
    """The taps, from 0, in ascending order; all of them where a distiller does not say.

    Args:
        distiller: any.
        count: how many taps the teacher has.
    """
    if not distiller.needs_features:
        return ()
    terms = list(distiller.nodes.values()) if isinstance(distiller, Composed) else [distiller]
    wanted: set[int] = set()
    for term in terms:
        if isinstance(term, Node):
            wanted |= {term.tap} if term.needs_features else set()
        elif term.needs_features:
            taps = term.taps if isinstance(term, Term) else None
            if taps is None:
                return tuple(range(count))
            wanted |= set(taps)
    return tuple(sorted({range(count)[tap] for tap in wanted if -count <= tap < count}))
