"""Several searches over seeds: median curves of what each has reached after how many epochs (the paper's Figure 4)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uniads.report.comparison.standing import bootstrap_median

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31", "#7F3C8D")
"""Okabe and Ito's, which colour-blind readers can tell apart, and two more."""

MAX_BANDS = 5
"""With more searches than this, their bands can not be told apart and are left out."""

DASHES = ("-", "--", "-.", ":")


def draw_median_curve_figure(
    grid: np.ndarray,
    hypervolume: Mapping[str, np.ndarray],
    regret: Mapping[str, np.ndarray],
    title: str,
) -> Figure:
    """Medians over seeds as lines, with their 95 % bootstrap intervals beside the end, and as bands of few searches.

    Args:
        grid: epochs spent, (n,).
        hypervolume: by search, (seeds, n) each.
        regret: likewise, in nats.
        title: above the panels.
    """
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_panel(left, grid, hypervolume)
    left.set(ylabel="hypervolume (higher is better)")
    _draw_panel(right, grid, regret)
    right.set(ylabel="regret of the pick (nats, lower is better)")
    seeds = len(next(iter(hypervolume.values())))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower left", ncols=4, frameon=False, fontsize=9,
        title=f"median over {seeds} seeds; beside the curves its 95 % interval at the end, in this order",
        title_fontsize=9, alignment="left",
    )  # fmt: skip
    return figure


def _draw_panel(axes: Axes, grid: np.ndarray, by_search: Mapping[str, np.ndarray]) -> None:
    end = max(grid)
    for at, (name, values) in enumerate(by_search.items()):
        colour, dash = COLOURS[at % len(COLOURS)], DASHES[at % len(DASHES)]
        middle = np.median(values, axis=0)
        low, high = bootstrap_median(values)
        axes.plot(grid, middle, dash, color=colour, linewidth=1.6, label=name, drawstyle="steps-post")
        if len(by_search) <= MAX_BANDS:
            axes.fill_between(grid, low, high, color=colour, alpha=0.12, linewidth=0, step="post")
        beside = end * (1.03 + 0.025 * at)
        axes.plot([beside, beside], [low[-1], high[-1]], color=colour, linewidth=1.4)
        axes.plot(beside, middle[-1], "o", color=colour, markersize=4)
    axes.axvline(end, color="0.8", linewidth=0.8)
    axes.set(xlabel="epochs trained", xlim=(0, end * (1.03 + 0.025 * len(by_search))), ylim=(0, None))
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= end])
    axes.grid(axis="y", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
