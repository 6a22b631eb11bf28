"""The interval of a mean."""

from collections.abc import Sequence
from math import sqrt
from statistics import stdev

from scipy import stats


def half_interval(values: Sequence[float]) -> float | None:
    """Half the 95% interval of a mean, by Student's t; None of fewer than two values, which tell nothing of it."""
    if len(values) < 2:
        return None
    return float(stats.t.ppf(0.975, len(values) - 1)) * stdev(values) / sqrt(len(values))
