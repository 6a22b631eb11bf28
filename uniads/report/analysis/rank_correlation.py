"""Whether few epochs rank candidates as many epochs do: the rank correlation between rungs as figure and table."""

from collections.abc import Sequence
from dataclasses import astuple

from matplotlib.figure import Figure

from uniads.report.element.figure import BLUE, create_panels, set_logarithmic
from uniads.report.element.sheet import Sheet
from uniads.search.account import Account
from uniads.search.fidelity import RungCorrelation
from uniads.terminal.text import shorten_text

HALVING_NOTE = (
    "Under halving only promoted candidates reach the higher rungs; that narrows the range and lowers the correlation."
)


def build_rank_correlation_sheet(correlations: Sequence[RungCorrelation]) -> Sheet:
    """Kendall's tau and Spearman's rho between every two rungs, with 95 % bootstrap intervals."""
    rows = [
        (pair.lower_epochs, pair.higher_epochs, pair.n, *astuple(pair.kendall_tau), *astuple(pair.spearman_rho))
        for pair in correlations
    ]
    intervals = [f"{name}{end}" for name in ("tau", "rho") for end in ("", " 2.5 %", " 97.5 %")]
    columns = ("after epoch", "and epoch", "n", *intervals)
    return Sheet("rank", "Rank correlation of the loss between rungs", columns, rows)


def draw_rank_correlation_figure(account: Account, correlations: Sequence[RungCorrelation]) -> Figure:
    """One panel a pair of rungs: each candidate's loss at the higher one over that at the lower pair."""
    figure, axes = create_panels(len(correlations), 3, 3.2)
    losses = {
        epochs: {trial.candidate: trial.values[0] for trial in account.result.at(rung)}
        for rung, epochs in account.rung_epochs.items()
    }
    name = shorten_text(account.result.measures[0].name)
    unit = " (nats)" if name == "val_loss" else ""
    for axis, pair in zip(axes, correlations, strict=True):
        both = [candidate for candidate in losses[pair.lower_epochs] if candidate in losses[pair.higher_epochs]]
        points = [losses[pair.lower_epochs][c] for c in both], [losses[pair.higher_epochs][c] for c in both]
        axis.scatter(*points, s=14, color=BLUE, alpha=0.7, linewidths=0)
        set_logarithmic(axis)
        lower, higher = (f"{name}{unit} after epoch {n}" for n in (pair.lower_epochs, pair.higher_epochs))
        axis.set(xlabel=lower, ylabel=higher)
        axis.set_title(f"tau {pair.kendall_tau}, n = {pair.n}", loc="left", fontsize=9)
    return figure
