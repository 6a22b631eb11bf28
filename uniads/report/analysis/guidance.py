"""What a search shows about its space, in sentences with numbers and n. Every sentence follows from the ledger."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from uniads.report.analysis.first_rung import rank_first_rung
from uniads.report.analysis.frequency import Tally
from uniads.report.analysis.importance import Importance
from uniads.report.element.label import shorten_keys
from uniads.search.account import Account
from uniads.search.trial import Status

MIN_CANDIDATES = 5
"""A comparison is made only with at least so many candidates on either side."""
FALSE_DISCOVERY_RATE = 0.05
"""Expected share of false ones among the differences that are reported."""
MAX_LISTED = 6
"""Differences listed of each kind; the others are only counted."""


@dataclass(frozen=True)
class Difference:
    """The candidates with one value against all others, by the rank of their loss after the first rung.

    Attributes:
        name: the gene and the value.
        rank: median rank of the candidates that have the value, 0 (best) to 1.
        other_rank: median rank of the others.
        n: number of candidates that have the value.
        other_n: number of the others.
        q: the smallest false discovery rate at which the difference is reported.
    """

    name: str
    rank: float
    other_rank: float
    n: int
    other_n: int
    q: float


def compare_values(account: Account) -> list[Difference]:
    """Every comparison with enough candidates, the smallest q first.

    Source: Mann and Whitney 1947, doi:10.1214/aoms/1177730491; Benjamini and Hochberg 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    trials, ranks = rank_first_rung(account)
    genomes = np.array([account.space.effective_genome(trial.genome) for trial in trials], dtype=int)
    genomes = genomes.reshape(len(trials), len(account.space.dimensions))  # also of no trial at all
    names = shorten_keys([dimension.key for dimension in account.space.dimensions])
    differences, p_values = [], []
    for gene, dimension in enumerate(account.space.dimensions):
        for position, value in enumerate(dimension.values):
            has = genomes[:, gene] == position
            own, other = ranks[has], ranks[~has]
            if min(len(own), len(other)) >= MIN_CANDIDATES and np.ptp(ranks) > 0:
                p_values.append(float(stats.mannwhitneyu(own, other).pvalue))
                medians = float(np.median(own)), float(np.median(other))
                differences.append(Difference(f"{names[gene]} {value}", *medians, len(own), len(other), 1.0))
    q_values = stats.false_discovery_control(p_values) if p_values else []
    judged = [replace(difference, q=float(q)) for difference, q in zip(differences, q_values, strict=True)]
    return sorted(judged, key=lambda difference: difference.q)


def write_guidance(account: Account, importances: Sequence[Importance], tallies: Sequence[Tally]) -> list[str]:
    """The sentences: why trials ended early, which genes matter, which values differ, what the front has in common."""
    return [
        *_describe_rejections(account),
        *_describe_importances(account, importances),
        *_describe_differences(account),
        *_describe_front(account, tallies),
    ]


def _describe_rejections(account: Account) -> Iterator[str]:
    for status in (Status.REJECTED, Status.FAILED):
        ended = [trial for trial in account.result.first if trial.status is status]
        if ended:
            # Reasons differ in their numbers only.
            reasons = Counter(re.sub(r"-?\d[\d.e+-]*", "…", trial.reason) for trial in ended)
            listed = "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(3))
            n = account.result.candidates
            yield f"{len(ended)} of {n} candidates ({len(ended) / n:.0%}) were {status.value}: {listed}."


def _describe_importances(account: Account, importances: Sequence[Importance]) -> Iterator[str]:
    names = shorten_keys([dimension.key for dimension in account.space.dimensions])
    n = len(rank_first_rung(account)[0])
    above = [
        f"{names[one.gene]} {one.share:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in importances if one.stands_out
    ]
    what = f"the rank of the loss after epoch {account.rung_epochs.get(0, 0)} (n = {n})"
    if above:
        yield f"More than chance explain {what}: {', '.join(above)} (share of the explained variance, 95 % interval)."
    elif importances:
        yield f"No gene explains {what} better than 95 % of the draws in which the losses are dealt out anew."
    else:
        yield f"{n} candidates after the first rung are too few to tell how important each gene is."


def _describe_differences(account: Account) -> Iterator[str]:
    differences = compare_values(account)
    found = [difference for difference in differences if difference.q <= FALSE_DISCOVERY_RATE]
    rate = f"{FALSE_DISCOVERY_RATE:.0%}"
    rule = f"{len(differences)} values were compared with all others, at a false discovery rate of {rate}"
    if differences and not found:
        yield f"No value stands apart from the others ({rule})."
    for word, kind in (
        ("better", [difference for difference in found if difference.rank < difference.other_rank]),
        ("worse", [difference for difference in found if difference.rank > difference.other_rank]),
    ):
        if kind:
            listed = "; ".join(
                f"{d.name} (median rank {d.rank:.2f} against {d.other_rank:.2f}, n = {d.n} against {d.other_n}, "
                f"q = {d.q:.2g})"
                for d in kind[:MAX_LISTED]
            )
            more = f"; and {len(kind) - MAX_LISTED} more" if len(kind) > MAX_LISTED else ""
            yield f"Rank {word} than the rest after the first rung, 0 best and 1 worst: {listed}{more} ({rule})."


def _describe_front(account: Account, tallies: Sequence[Tally]) -> Iterator[str]:
    n, candidates = len(account.result.front), account.result.candidates
    dimensions = account.space.dimensions
    names = shorten_keys([dimension.key for dimension in dimensions])
    shared = [tally for tally in tallies if n >= MIN_CANDIDATES and 2 * tally.front > n]
    if shared:
        listed = "; ".join(
            f"{names[t.gene]} {dimensions[t.gene].values[t.value]} ({t.front} of {n}; "
            f"tried by {t.tried} of {candidates})"
            for t in sorted(shared, key=lambda tally: -tally.front)
        )
        yield f"More than half of the front have: {listed}."
