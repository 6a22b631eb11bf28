"""Whether few epochs rank candidates as many do: the correlation between rungs as a picture and a table."""

from collections.abc import Sequence
from dataclasses import astuple

from matplotlib.figure import Figure

from uniads.report.page.figure import BLUE, logarithmic, panels
from uniads.report.page.sheet import Sheet
from uniads.search.account import Account
from uniads.search.fidelity import RungCorrelation

NOTE = (
    "Under halving only promoted candidates reach the higher rungs; that narrows the range and lowers the correlation."
)


def rank_sheet(found: Sequence[RungCorrelation]) -> Sheet:
    """Kendall's tau and Spearman's rho between every two rungs, with 95 % bootstrap intervals."""
    rows = [
        (one.lower_epochs, one.higher_epochs, one.n, *astuple(one.kendall_tau), *astuple(one.spearman_rho))
        for one in found
    ]
    spans = [f"{name} {end}" for name in ("tau", "rho") for end in ("", "2.5 %", "97.5 %")]
    columns = ("after epoch", "and epoch", "n", *(span.strip() for span in spans))
    return Sheet("rank", "Rank correlation of the loss between rungs", columns, rows)


def rank_figure(account: Account, found: Sequence[RungCorrelation]) -> Figure:
    """One panel a pair of rungs: each candidate's loss at the higher one over that at the lower one."""
    figure, axes = panels(len(found), 3, 3.2)
    losses = {
        epochs: {trial.candidate: trial.values[0] for trial in account.result.at(rung)}
        for rung, epochs in account.epochs.items()
    }
    name = account.result.measures[0].name
    for axis, one in zip(axes, found, strict=True):
        both = [candidate for candidate in losses[one.lower_epochs] if candidate in losses[one.higher_epochs]]
        points = [losses[one.lower_epochs][c] for c in both], [losses[one.higher_epochs][c] for c in both]
        axis.scatter(*points, s=14, color=BLUE, alpha=0.7, linewidths=0)
        if min(map(min, points)) > 0:
            logarithmic(axis)
        axis.set(xlabel=f"{name} after epoch {one.lower_epochs}", ylabel=f"{name} after epoch {one.higher_epochs}")
        axis.set_title(f"tau {one.kendall_tau}, n = {one.n}", loc="left", fontsize=9)
    return figure
