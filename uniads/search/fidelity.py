"""Whether few epochs rank candidates as many do: the rank correlation between rungs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from uniads.search.schedule import Schedule
from uniads.search.trial import Status, Trial

TRUSTED = 0.5
"""Kendall's tau from which on a rung is trusted: three of four pairs of candidates stand in the final order."""

RESAMPLES = 1_000
FEWEST = 5
"""Candidates below which nothing can be said."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Correlation:
    """How alike two rungs rank the candidates that completed both.

    Attributes:
        epochs: of the lower rung.
        final: epochs of the higher rung.
        n: candidates that completed both.
        tau: Kendall's tau-b, -1 to 1: the share of pairs in the same order, less the share in the opposite order.
        rho: Spearman's rank correlation, -1 to 1.
    """

    epochs: int
    final: int
    n: int
    tau: Interval
    rho: Interval

    @property
    def trusted(self) -> bool:
        """The rule: the lower end of tau's interval is at least ``TRUSTED``."""
        return self.tau.low >= TRUSTED


def rank_correlation(trials: Iterable[Trial], seed: int = 0, resamples: int = RESAMPLES) -> list[Correlation]:
    """The rank correlation of the first measure, the loss, between every two rungs, by (lower, higher) epochs.

    Rejected and failed trials have no rank and are left out. In a search with halving only promoted candidates reach
    the higher rungs, which narrows the range and lowers the correlation; train every candidate through all rungs
    (``search=fidelity``) for one without that bias. The intervals are percentiles of the bootstrap over candidates.

    Source: Kendall 1945, doi:10.1093/biomet/33.3.239 (tau-b); Efron 1979, doi:10.1214/aos/1176344552 (bootstrap).

    Args:
        trials: of one search, at any rungs.
        seed: of the bootstrap.
        resamples: bootstrap samples of each pair of rungs, at least 1.

    Returns:
        One entry for each pair of rungs that at least ``FEWEST`` candidates completed with losses that differ.
    """
    losses: dict[int, dict[str, float]] = {}
    for trial in trials:
        if trial.status is Status.COMPLETED:
            losses.setdefault(trial.epochs, {})[trial.candidate] = trial.values[0]
    found = []
    rungs = sorted(losses)
    for position, lower in enumerate(rungs):
        for upper in rungs[position + 1 :]:
            both = [name for name in losses[lower] if name in losses[upper]]
            pairs = np.array([(losses[lower][name], losses[upper][name]) for name in both], dtype=float)
            if len(both) >= FEWEST and np.ptp(pairs, axis=0).min() > 0:
                found.append(_correlated(lower, upper, pairs, seed, resamples))
    return found


def _correlated(lower: int, upper: int, pairs: np.ndarray, seed: int, resamples: int) -> Correlation:
    rng = np.random.default_rng(seed)
    draws = [pairs[rng.integers(len(pairs), size=len(pairs))] for _ in range(resamples)]
    # A draw in which a rung holds one value alone has no order.
    draws = [draw for draw in draws if np.ptp(draw, axis=0).min() > 0]
    tau = _interval(_tau(pairs), [_tau(draw) for draw in draws])
    rho = _interval(_rho(pairs), [_rho(draw) for draw in draws])
    return Correlation(lower, upper, len(pairs), tau, rho)


def _tau(pairs: np.ndarray) -> float:
    return float(stats.kendalltau(pairs[:, 0], pairs[:, 1]).statistic)


def _rho(pairs: np.ndarray) -> float:
    ranks = stats.rankdata(pairs, axis=0)
    return float(np.corrcoef(ranks.T)[0, 1])


def _interval(value: float, draws: Sequence[float]) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975]) if draws else (-1.0, 1.0)
    return Interval(value, float(low), float(high))


def report(schedule: Schedule, trials: Iterable[Trial]) -> list[str]:
    """What a search says of its rungs, one line each; nothing where halving kept candidates from the upper ones."""
    quotas = {rung.quota for rung in schedule.rungs}
    if len(schedule.rungs) < 2 or len(quotas) > 1:
        return []
    found = rank_correlation(trials)
    lines = [
        f"rank correlation of {pair.epochs} and {pair.final} epochs: Kendall's tau {pair.tau}, "
        f"Spearman's rho {pair.rho} (95 % bootstrap intervals, n = {pair.n})"
        for pair in found
    ]
    return [*lines, verdict(found)]


def verdict(correlations: Sequence[Correlation]) -> str:
    """Which budget can be trusted: the fewest epochs that rank candidates as the highest rung does.

    The rule: a rung is trusted where the lower end of the interval of Kendall's tau between it and the highest rung is
    at least ``TRUSTED``, that is where at least three of four pairs of candidates stand in the final order.
    """
    if not correlations:
        return f"no two rungs share {FEWEST} completed candidates with different losses, so nothing can be said"
    final = max(found.final for found in correlations)
    against = [found for found in correlations if found.final == final]
    trusted = min((found.epochs for found in against if found.trusted), default=None)
    rule = f"tau's interval has to lie at or above {TRUSTED:g}: three of four pairs in the final order"
    if trusted is not None:
        return f"{trusted} of {final} epochs can be trusted to rank candidates ({rule})"
    nearest = max(against, key=lambda found: found.tau.low)
    return (
        f"no budget below {final} epochs can be trusted; the nearest is {nearest.epochs} epochs with tau {nearest.tau} "
        f"on {nearest.n} candidates ({rule}). Keep large quotas at the lower rungs, or measure more candidates"
    )
