"""Search curves: what each search has after so many epochs, over seeds (the paper's Figure 4)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uniads.report.comparison import median_interval

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31", "#7F3C8D")
"""Okabe and Ito's, which colour-blind readers can tell apart, and two more."""

DASHES = ("-", "--", "-.", ":")


def curves_figure(
    grid: Sequence[float],
    hypervolume: Mapping[str, np.ndarray],
    regret: Mapping[str, np.ndarray],
    title: str,
) -> Figure:
    """Medians over seeds as lines, with their 95 % bootstrap intervals as bands.

    Args:
        grid: epochs spent, (n,).
        hypervolume: by search, (seeds, n) each.
        regret: likewise, in nats.
        title: above the panels.
    """
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _panel(left, grid, hypervolume)
    left.set(ylabel="hypervolume (higher is better)")
    _panel(right, grid, regret)
    right.set(ylabel="regret of the picked student (nats, lower is better)")
    seeds = len(next(iter(hypervolume.values())))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower left", ncols=3, frameon=False, fontsize=9,
        title=f"median over {seeds} seeds, with its 95 % interval", title_fontsize=9, alignment="left",
    )  # fmt: skip
    return figure


def _panel(axes: Axes, grid: Sequence[float], by_search: Mapping[str, np.ndarray]) -> None:
    for at, (name, values) in enumerate(by_search.items()):
        colour = COLOURS[at % len(COLOURS)]
        low, high = median_interval(values)
        axes.fill_between(grid, low, high, color=colour, alpha=0.12, linewidth=0, step="post")
        dash = DASHES[at % len(DASHES)]
        axes.plot(
            grid, np.median(values, axis=0), dash, color=colour, linewidth=1.8, label=name, drawstyle="steps-post"
        )
    axes.set(xlabel="epochs trained", xlim=(0, max(grid)), ylim=(0, None))
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
