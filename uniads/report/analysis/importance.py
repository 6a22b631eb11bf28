"""How much each gene explains of the differences in loss (the paper's Figure 3), with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestRegressor

from uniads.report.analysis.first_rung import Floats, rank_first_rung
from uniads.report.element.figure import BLUE, RED, create_figure
from uniads.report.element.label import shorten_keys
from uniads.report.element.sheet import Sheet
from uniads.search.account import Account

MIN_CANDIDATES = 10
"""With fewer ranked candidates no importance is measured."""
RESAMPLES = 40
"""Draws for each interval, and for chance."""
TREES = 32
"""In each forest."""
MAX_DEPTH = 64
"""Of a tree; the default of Optuna's evaluator."""


@dataclass(frozen=True)
class Importance:
    """How much one gene explains.

    Attributes:
        gene: its position in the space.
        share: of the explained variance of the loss, 0 to 1; all genes' add up to 1.
        low: lower end of the 95 % interval, from the bootstrap over candidates.
        high: its upper end.
        chance: the share that the gene stays below in 95 % of random permutations of the losses.
    """

    gene: int
    share: float
    low: float
    high: float
    chance: float

    @property
    def stands_out(self) -> bool:
        """Whether the gene explains more than chance does."""
        return self.share > self.chance


def measure_importances(
    account: Account, resamples: int = RESAMPLES, seed: int = 0, trees: int = TREES
) -> list[Importance]:
    """Shares of the genes in the rank of the loss after the first rung, which every candidate reaches.

    Mean decrease of impurity in a random forest over one-hot genes, as Optuna's evaluator of that name has it.

    Source: Breiman 2001, doi:10.1023/A:1010933404324.

    Args:
        account: the search.
        resamples: draws for the interval, and for chance.
        seed: of the forests and the draws.
        trees: in each forest.

    Returns:
        The genes, the largest share first; none where fewer than ``MIN_CANDIDATES`` candidates have a rank, or all
        have the same.
    """
    trials, ranks = rank_first_rung(account)
    if len(trials) < MIN_CANDIDATES or np.ptp(ranks) == 0:
        return []
    sizes = [len(dimension.values) + 1 for dimension in account.space.dimensions]
    genomes = np.array([account.space.effective_genome(trial.genome) for trial in trials])
    features = np.hstack([np.eye(size)[genomes[:, gene]] for gene, size in enumerate(sizes)])
    starts = np.cumsum([0, *sizes[:-1]])

    def measure_shares(inputs: Floats, outputs: Floats) -> Floats:
        forest = RandomForestRegressor(trees, max_depth=MAX_DEPTH, random_state=seed).fit(inputs, outputs)
        return np.asarray(np.add.reduceat(forest.feature_importances_, starts), dtype=float)

    rng = np.random.default_rng(seed)
    draws = rng.integers(len(trials), size=(resamples, len(trials)))
    low, high = np.quantile([measure_shares(features[draw], ranks[draw]) for draw in draws], [0.025, 0.975], axis=0)
    chance = np.quantile([measure_shares(features, rng.permutation(ranks)) for _ in draws], 0.95, axis=0)
    rows = zip(measure_shares(features, ranks), low, high, chance, strict=True)
    importances = [Importance(gene, *(float(number) for number in row)) for gene, row in enumerate(rows)]
    return sorted(importances, key=lambda importance: -importance.share)


def build_importance_sheet(account: Account, importances: Sequence[Importance]) -> Sheet:
    """The shares, their intervals, and the share that chance reaches."""
    names = shorten_keys([dimension.key for dimension in account.space.dimensions])
    rows = [
        (names[one.gene], account.space.dimensions[one.gene].key, one.share, one.low, one.high, one.chance)
        for one in importances
    ]
    columns = ("gene", "key", "share", "2.5 %", "97.5 %", "95 % of chance")
    return Sheet("importance", _build_title(account), columns, rows)


def draw_importance_figure(account: Account, importances: Sequence[Importance]) -> Figure:
    """One bar a gene, its 95 % interval, and a mark at the share that chance reaches."""
    names = shorten_keys([dimension.key for dimension in account.space.dimensions])
    figure, (axes,) = create_figure(7.5, 1.0 + 0.26 * len(importances))
    rows = range(len(importances))
    share = np.array([one.share for one in importances])
    # Genes with many values get larger shares in resamples, so that an interval may lie above its estimate.
    below = np.maximum(share - [one.low for one in importances], 0)
    above = np.maximum([one.high for one in importances] - share, 0)
    axes.barh(rows, share, 0.65, color=BLUE, xerr=[below, above], error_kw={"ecolor": "#222222", "capsize": 2, "lw": 1})
    axes.scatter(
        [one.chance for one in importances], rows, marker="|", s=120, color=RED, zorder=3, label="95 % of chance"
    )
    axes.set_yticks(rows, [names[one.gene] for one in importances])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the explained variance of the loss's rank, with 95 % bootstrap interval")
    axes.set_title(_build_title(account), loc="left")
    axes.legend(loc="lower right")
    return figure


def _build_title(account: Account) -> str:
    n = len(rank_first_rung(account)[0])
    return f"Importance of each gene for the loss after epoch {account.rung_epochs[0]}, n = {n} candidates"
