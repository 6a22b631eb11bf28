"""A search algorithm, made with what it asks for."""

from collections.abc import Callable, Mapping, Sequence

from uniads.search.algorithm.base import Algorithm
from uniads.search.objective import Measure
from uniads.search.space import Genome, SearchSpace


def build_algorithm(
    make: Callable[..., Algorithm],
    space: SearchSpace,
    start: Sequence[Genome],
    measures: Sequence[Measure],
    known: Callable[[Genome], Mapping[str, float]],
) -> Algorithm:
    """The algorithm; one with a ``guide`` gets it made for the space.

    Args:
        make: the algorithm's class with its settings, a partial function.
        space: where to search.
        start: genomes to propose first.
        measures: what is minimised.
        known: numbers of a genome that need no training, by name.
    """
    guide = getattr(make, "keywords", {}).get("guide")
    more = {} if guide is None else {"guide": guide(space, measures, known)}
    return make(space, start=start, **more)
