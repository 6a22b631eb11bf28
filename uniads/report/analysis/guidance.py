"""What a search says about its space, in sentences with numbers and n. Nothing here is written by hand."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from uniads.report.analysis.first_rung import standing
from uniads.report.analysis.frequency import Tally
from uniads.report.analysis.importance import Importance
from uniads.report.page.label import labels
from uniads.search.account import Account
from uniads.search.trial import Status

FEWEST = 5
"""Candidates on either side of a comparison below which it is not made."""
DISCOVERY = 0.05
"""Share of false ones among the differences that are reported."""
MOST = 6
"""Differences told of each kind."""


@dataclass(frozen=True)
class Difference:
    """The candidates with one value against all others, by the rank of their loss after the first rung.

    Attributes:
        name: the gene and the value.
        mine: median rank of those that have the value, 0 (best) to 1.
        rest: median rank of the others.
        n: candidates that have it.
        others: the others.
        q: the smallest false discovery rate at which the difference is reported.
    """

    name: str
    mine: float
    rest: float
    n: int
    others: int
    q: float


def differences(account: Account) -> list[Difference]:
    """Every comparison with enough candidates, the surest first.

    Source: Mann and Whitney 1947, doi:10.1214/aoms/1177730491; Benjamini and Hochberg 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    trials, ranks = standing(account)
    genomes = np.array([account.space.effective_genome(trial.genome) for trial in trials], dtype=int)
    genomes = genomes.reshape(len(trials), len(account.space.dimensions))  # also of no trial at all
    names = labels([dimension.key for dimension in account.space.dimensions])
    found, chances = [], []
    for gene, dimension in enumerate(account.space.dimensions):
        for value, spelled in enumerate(dimension.values):
            has = genomes[:, gene] == value
            mine, rest = ranks[has], ranks[~has]
            if min(len(mine), len(rest)) >= FEWEST and np.ptp(ranks) > 0:
                chances.append(float(stats.mannwhitneyu(mine, rest).pvalue))
                medians = float(np.median(mine)), float(np.median(rest))
                found.append(Difference(f"{names[gene]} {spelled}", *medians, len(mine), len(rest), 1.0))
    rates = stats.false_discovery_control(chances) if chances else []
    judged = [Difference(d.name, d.mine, d.rest, d.n, d.others, float(q)) for d, q in zip(found, rates, strict=True)]
    return sorted(judged, key=lambda difference: difference.q)


def guidance(account: Account, genes: Sequence[Importance], tallies: Sequence[Tally]) -> list[str]:
    """Sentences that follow from the ledger."""
    return [
        *_rejections(account), *_importances(account, genes), *_differences(account), *_front(account, tallies),
    ]  # fmt: skip


def _rejections(account: Account) -> Iterator[str]:
    for status in (Status.REJECTED, Status.FAILED):
        ended = [trial for trial in account.result.trials if trial.status is status]
        if ended:
            # Reasons differ in their numbers only.
            reasons = Counter(re.sub(r"-?\d[\d.e+-]*", "…", trial.reason) for trial in ended)
            told = "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(3))
            n = account.result.candidates
            yield f"{len(ended)} of {n} candidates ({len(ended) / n:.0%}) were {status.value}: {told}."


def _importances(account: Account, genes: Sequence[Importance]) -> Iterator[str]:
    names = labels([dimension.key for dimension in account.space.dimensions])
    n = len(standing(account)[0])
    above = [f"{names[one.gene]} {one.share:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in genes if one.stands_out]
    what = f"the rank of the loss after epoch {account.epochs.get(0, 0)} (n = {n})"
    if above:
        yield f"More than chance explain {what}: {', '.join(above)} (share of the explained variance, 95 % interval)."
    elif genes:
        yield f"No gene explains {what} better than 95 % of the draws in which the losses are dealt out anew."
    else:
        yield f"{n} candidates after the first rung are too few to tell how important each gene is."


def _differences(account: Account) -> Iterator[str]:
    tested = differences(account)
    sure = [difference for difference in tested if difference.q <= DISCOVERY]
    rule = f"{len(tested)} values were compared with all others, at a false discovery rate of {DISCOVERY:.0%}"
    if tested and not sure:
        yield f"No value stands apart from the others ({rule})."
    for word, kind in (
        ("better", [difference for difference in sure if difference.mine < difference.rest]),
        ("worse", [difference for difference in sure if difference.mine > difference.rest]),
    ):
        if kind:
            told = "; ".join(
                f"{d.name} (median rank {d.mine:.2f} against {d.rest:.2f}, n = {d.n} against {d.others}, q = {d.q:.2g})"
                for d in kind[:MOST]
            )
            more = f"; and {len(kind) - MOST} more" if len(kind) > MOST else ""
            yield f"Rank {word} than the rest after the first rung, 0 best and 1 worst: {told}{more} ({rule})."


def _front(account: Account, tallies: Sequence[Tally]) -> Iterator[str]:
    n, everyone = len(account.result.front), account.result.candidates
    dimensions = account.space.dimensions
    names = labels([dimension.key for dimension in dimensions])
    shared = [tally for tally in tallies if n >= FEWEST and 2 * tally.front > n]
    if shared:
        told = "; ".join(
            f"{names[t.gene]} {dimensions[t.gene].values[t.value]} ({t.front} of {n}; tried by {t.tried} of {everyone})"
            for t in sorted(shared, key=lambda tally: -tally.front)
        )
        yield f"More than half of the front have: {told}."
