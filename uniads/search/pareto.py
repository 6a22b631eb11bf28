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


class _MinimizedFitness(base.Fitness):  # type: ignore[misc]
    """DEAP's fitness, all values minimised.

    It is a plain subclass, since the global classes of ``creator.create`` can't be pickled.
    """

    weights: Values = (-1.0,)

    def __init__(self, values: Values) -> None:
        self.weights = (-1.0,) * len(values)
        super().__init__(values)


class _Point:
    """An object with a fitness, as DEAP sorts it."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.fitness = _MinimizedFitness(values)


def order(values: Sequence[Values], ties: Sequence[Any]) -> list[int]:
    """Positions from best to worst: by non-dominated front, then crowding distance (large first), then ``ties``.

    Source: NSGA-II, Deb et al. 2002, doi:10.1109/4235.996017.

    Args:
        values: finite values to minimise, one tuple for each item.
        ties: one key for each item; of equal items the one with the smaller key comes first.

    Raises:
        UserError: a value is not finite. DEAP would take NaN for the best value.
    """
    if not np.isfinite(np.array(values, dtype=float)).all():
        raise UserError("only finite values can be sorted; leave rejected and failed trials out")
    # Equal values must have one crowding distance, and the order of the items must not matter: so sort distinct values.
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


def rank_survivors(trials: Iterable[Trial]) -> list[Trial]:
    """Sort completed trials, best first: by rung (highest first), front within the rung, crowding distance, genome."""
    ranked = sorted(trials, key=lambda trial: -trial.rung)
    peers = [list(group) for _, group in groupby(ranked, key=lambda trial: trial.rung)]
    return [trial for group in peers for trial in best(group, len(group))]


def front(trials: Sequence[Trial]) -> list[Trial]:
    """The non-dominated trials of one rung, sorted by their values. Of equal ones only the lowest genome is kept."""
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
    """The volume between the values and the reference. Values at or beyond the reference add nothing."""
    inside = [value for value in values if all(v < r for v, r in zip(value, reference, strict=True))]
    return float(moocore.hypervolume(np.array(inside, dtype=float), ref=list(reference))) if inside else 0.0


def knee(trials: Sequence[Trial]) -> Trial | None:
    """The best compromise: the trial of the front nearest to the ideal point, with measures scaled to [0, 1] on it."""
    points = front(trials)
    if not points:
        return None
    values = np.array([trial.values for trial in points], dtype=float)
    span = np.ptp(values, axis=0)
    scaled = (values - values.min(axis=0)) / np.where(span > 0, span, 1.0)
    return points[int(np.linalg.norm(scaled, axis=1).argmin())]
