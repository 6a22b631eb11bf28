"""Whether few epochs rank candidates as many epochs do: the rank correlation between rungs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from uniads.search.schedule import Schedule
from uniads.search.trial import Status, Trial

TRUSTED = 0.5
"""Lowest Kendall's tau at which a rung is trusted: three of four pairs of candidates are in the final order."""

RESAMPLES = 1_000
FEWEST = 5
"""Fewest candidates from which a correlation is computed."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class RungCorrelation:
    """How alike two rungs rank the candidates that completed both.

    Attributes:
        lower_epochs: epochs at the lower rung.
        higher_epochs: epochs at the higher rung.
        n: candidates that completed both.
        kendall_tau: Kendall's tau-b, -1 to 1: the share of pairs in the same order minus that in the opposite order.
        spearman_rho: Spearman's rank correlation, -1 to 1.
    """

    lower_epochs: int
    higher_epochs: int
    n: int
    kendall_tau: Interval
    spearman_rho: Interval

    @property
    def trusted(self) -> bool:
        """Whether the lower end of the interval of Kendall's tau is at least ``TRUSTED``."""
        return self.kendall_tau.low >= TRUSTED


def rank_correlation(trials: Iterable[Trial], seed: int = 0, resamples: int = RESAMPLES) -> list[RungCorrelation]:
    """The rank correlation of the first measure, the loss, between every two rungs, by (lower, higher) epochs.

    Rejected and failed trials have no rank and are left out. In a search with halving, only promoted candidates reach
    the higher rungs. This narrows the range of losses and lowers the correlation. To measure it without that bias,
    train every candidate through all rungs (``search=fidelity``). The intervals are percentiles of the
    bootstrap over candidates.

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
    correlations = []
    rungs = sorted(losses)
    for position, lower in enumerate(rungs):
        for upper in rungs[position + 1 :]:
            both = [name for name in losses[lower] if name in losses[upper]]
            pairs = np.array([(losses[lower][name], losses[upper][name]) for name in both], dtype=float)
            if len(both) >= FEWEST and np.ptp(pairs, axis=0).min() > 0:
                correlations.append(_correlate_rungs(lower, upper, pairs, seed, resamples))
    return correlations


def _correlate_rungs(lower: int, upper: int, pairs: np.ndarray, seed: int, resamples: int) -> RungCorrelation:
    rng = np.random.default_rng(seed)
    draws = [pairs[rng.integers(len(pairs), size=len(pairs))] for _ in range(resamples)]
    # A draw in which all losses of a rung are equal has no order.
    draws = [draw for draw in draws if np.ptp(draw, axis=0).min() > 0]
    kendall_tau = _interval(_kendall_tau(pairs), [_kendall_tau(draw) for draw in draws])
    spearman_rho = _interval(_spearman_rho(pairs), [_spearman_rho(draw) for draw in draws])
    return RungCorrelation(lower, upper, len(pairs), kendall_tau, spearman_rho)


def _kendall_tau(pairs: np.ndarray) -> float:
    return float(stats.kendalltau(pairs[:, 0], pairs[:, 1]).statistic)


def _spearman_rho(pairs: np.ndarray) -> float:
    ranks = stats.rankdata(pairs, axis=0)
    return float(np.corrcoef(ranks.T)[0, 1])


def _interval(value: float, draws: Sequence[float]) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975]) if draws else (-1.0, 1.0)
    return Interval(value, float(low), float(high))


def report(schedule: Schedule, trials: Iterable[Trial]) -> list[str]:
    """Lines on how well each rung ranks candidates; none if not every candidate may reach the highest rung."""
    quotas = {rung.quota for rung in schedule.rungs}
    if len(schedule.rungs) < 2 or len(quotas) > 1:
        return []
    correlations = rank_correlation(trials)
    lines = [
        f"rank correlation of {pair.lower_epochs} and {pair.higher_epochs} epochs: Kendall's tau "
        f"{pair.kendall_tau}, Spearman's rho {pair.spearman_rho} (95 % bootstrap intervals, n = {pair.n})"
        for pair in correlations
    ]
    return [*lines, verdict(correlations)]


def verdict(correlations: Sequence[RungCorrelation]) -> str:
    """A sentence on the fewest epochs that rank candidates as the highest rung does.

    A rung is trusted if the lower end of the interval of Kendall's tau between it and the highest rung is at least
    ``TRUSTED``, that is if at least three of four pairs of candidates are in the final order.
    """
    if not correlations:
        return f"no two rungs share {FEWEST} completed candidates with different losses, so nothing can be said"
    final = max(correlation.higher_epochs for correlation in correlations)
    with_final = [correlation for correlation in correlations if correlation.higher_epochs == final]
    trusted = min((correlation.lower_epochs for correlation in with_final if correlation.trusted), default=None)
    rule = f"tau's interval has to lie at or above {TRUSTED:g}: three of four pairs in the final order"
    if trusted is not None:
        return f"{trusted} of {final} epochs can be trusted to rank candidates ({rule})"
    nearest = max(with_final, key=lambda correlation: correlation.kendall_tau.low)
    return (
        f"no budget below {final} epochs can be trusted; the nearest is {nearest.lower_epochs} epochs with tau "
        f"{nearest.kendall_tau} on {nearest.n} candidates ({rule}). "
        "Keep large quotas at the lower rungs, or measure more candidates"
    )
