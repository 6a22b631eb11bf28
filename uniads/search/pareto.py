"""Pareto order among trials of one rung, all measures minimised. The only file that imports DEAP."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import moocore
import numpy as np
from deap import base, tools
from deap.tools.emo import assignCrowdingDist

from uniads.error import UserError
from uniads.search.trial import Trial

Values = tuple[float, ...]


class _Minimised(base.Fitness):  # type: ignore[misc]
    """DEAP's fitness, all values minimised. A plain subclass pickles, where ``creator.create`` makes globals."""

    weights: Values = (-1.0,)

    def __init__(self, values: Values) -> None:
        self.weights = (-1.0,) * len(values)
        super().__init__(values)


class _Point:
    """What DEAP sorts: something with a fitness."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.fitness = _Minimised(values)


def order(values: Sequence[Values], ties: Sequence[Any]) -> list[int]:
    """Positions from best to worst: by non-dominated front, then crowding distance (large first), then ``ties``.

    Source: NSGA-II, Deb et al. 2002, doi:10.1109/4235.996017.

    Args:
        values: finite values to minimise, one tuple each; a NaN would count as the best, so there must be none.
        ties: what decides between equals, compared by ``<``; one each.
    """
    if not np.isfinite(np.array(values, dtype=float)).all():
        raise UserError("only finite values can be sorted; leave rejected and failed trials out")
    # Distinct values in a fixed order, so that equals have one crowding distance and the order given has no influence.
    points = [_Point(value) for value in sorted(set(values))]
    keys: dict[Values, tuple[int, float]] = {}
    for rank, front in enumerate(tools.sortNondominated(points, len(points))):
        assignCrowdingDist(front)
        keys |= {point.values: (rank, -point.fitness.crowding_dist) for point in front}
    return sorted(range(len(values)), key=lambda index: (*keys[values[index]], ties[index]))


def best(trials: Sequence[Trial], n: int) -> list[Trial]:
    """The n best trials of one rung, best first."""
    _check_rung(trials)
    ranking = order([trial.values for trial in trials], [trial.genome for trial in trials])
    return [trials[index] for index in ranking[:n]]


def survival(trials: Iterable[Trial]) -> list[Trial]:
    """Completed trials, best first: by rung (highest first), front within the rung, crowding distance, genome."""
    ranked = sorted(trials, key=lambda trial: -trial.rung)
    peers = [list(group) for _, group in groupby(ranked, key=lambda trial: trial.rung)]
    return [trial for group in peers for trial in best(group, len(group))]


def front(trials: Sequence[Trial]) -> list[Trial]:
    """The non-dominated trials of one rung, by their values. Of equal ones, the one with the lowest genome."""
    _check_rung(trials)
    if not trials:
        return []
    ranked = sorted(trials, key=lambda trial: (trial.values, trial.genome))
    chosen = moocore.is_nondominated(np.array([trial.values for trial in ranked], dtype=float))
    return [trial for trial, on in zip(ranked, chosen, strict=True) if on]


def _check_rung(trials: Sequence[Trial]) -> None:
    if len({trial.rung for trial in trials}) > 1:
        raise UserError("values of different rungs are never compared")


def hypervolume(values: Sequence[Values], reference: Values) -> float:
    """The volume that the values dominate, up to the reference. Points beyond the reference count nothing."""
    inside = [value for value in values if all(v < r for v, r in zip(value, reference, strict=True))]
    return float(moocore.hypervolume(np.array(inside, dtype=float), ref=list(reference))) if inside else 0.0


def knee(trials: Sequence[Trial]) -> Trial | None:
    """The front's point nearest to the ideal point when every measure is scaled to [0, 1] over the front."""
    points = front(trials)
    if not points:
        return None
    values = np.array([trial.values for trial in points], dtype=float)
    span = np.ptp(values, axis=0)
    scaled = (values - values.min(axis=0)) / np.where(span > 0, span, 1.0)
    return points[int(np.linalg.norm(scaled, axis=1).argmin())]
