"""How much of the differences in loss each gene explains (the paper's Figure 3), with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestRegressor

from uniads.report.analysis.first_rung import Floats, standing
from uniads.report.page.figure import BLUE, RED, canvas
from uniads.report.page.label import labels
from uniads.report.page.sheet import Sheet
from uniads.search.account import Account

FEWEST = 10
"""Completed trials below which nothing is said."""
RESAMPLES = 40
TREES = 32
DEPTH = 64


@dataclass(frozen=True)
class Importance:
    """One gene.

    Attributes:
        gene: its position in the space.
        share: of the explained variance of the loss, 0 to 1; all genes' add up to 1.
        low: lower end of the 95 % interval, from the bootstrap over candidates.
        high: its upper end.
        chance: what the gene stays below in 95 % of the cases when the losses are dealt out anew.
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


def importances(account: Account, resamples: int = RESAMPLES, seed: int = 0, trees: int = TREES) -> list[Importance]:
    """Shares of the genes in the rank of the loss after the first rung, which every candidate reaches.

    Mean decrease of impurity in a random forest over one-hot genes, as Optuna's evaluator of that name has it.

    Source: Breiman 2001, doi:10.1023/A:1010933404324.

    Args:
        account: the search.
        resamples: draws for the interval, and for chance.
        seed: of the forests and the draws.
        trees: in each forest.

    Returns:
        The genes by falling share; none where fewer than ``FEWEST`` candidates have a rank, or all have one.
    """
    trials, ranks = standing(account)
    if len(trials) < FEWEST or np.ptp(ranks) == 0:
        return []
    sizes = [len(dimension.values) + 1 for dimension in account.space.dimensions]
    genomes = np.array([account.space.effective_genome(trial.genome) for trial in trials])
    features = np.hstack([np.eye(size)[genomes[:, gene]] for gene, size in enumerate(sizes)])
    starts = np.cumsum([0, *sizes[:-1]])

    def shares(inputs: Floats, outputs: Floats) -> Floats:
        forest = RandomForestRegressor(trees, max_depth=DEPTH, random_state=seed).fit(inputs, outputs)
        return np.asarray(np.add.reduceat(forest.feature_importances_, starts), dtype=float)

    rng = np.random.default_rng(seed)
    draws = rng.integers(len(trials), size=(resamples, len(trials)))
    low, high = np.quantile([shares(features[draw], ranks[draw]) for draw in draws], [0.025, 0.975], axis=0)
    chance = np.quantile([shares(features, rng.permutation(ranks)) for _ in draws], 0.95, axis=0)
    rows = zip(shares(features, ranks), low, high, chance, strict=True)
    found = [Importance(gene, *(float(number) for number in row)) for gene, row in enumerate(rows)]
    return sorted(found, key=lambda importance: -importance.share)


def importance_sheet(account: Account, found: Sequence[Importance]) -> Sheet:
    """The shares, with their intervals and what chance reaches."""
    names = labels([dimension.key for dimension in account.space.dimensions])
    rows = [
        (names[one.gene], account.space.dimensions[one.gene].key, one.share, one.low, one.high, one.chance)
        for one in found
    ]
    columns = ("gene", "key", "share", "2.5 %", "97.5 %", "95 % of chance")
    return Sheet("importance", _title(account), columns, rows)


def importance_figure(account: Account, found: Sequence[Importance]) -> Figure:
    """A bar a gene with its 95 % interval, and a mark up to which chance reaches."""
    names = labels([dimension.key for dimension in account.space.dimensions])
    figure, (axes,) = canvas(7.5, 1.0 + 0.26 * len(found))
    rows = range(len(found))
    share = np.array([one.share for one in found])
    # Resampled shares of many values are larger on the whole, so that an interval need not hold its estimate.
    below = np.maximum(share - [one.low for one in found], 0)
    above = np.maximum([one.high for one in found] - share, 0)
    axes.barh(rows, share, 0.65, color=BLUE, xerr=[below, above], error_kw={"ecolor": "#222222", "capsize": 2, "lw": 1})
    axes.scatter([one.chance for one in found], rows, marker="|", s=120, color=RED, zorder=3, label="95 % of chance")
    axes.set_yticks(rows, [names[one.gene] for one in found])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the explained variance of the loss's rank, with 95 % bootstrap interval")
    axes.set_title(_title(account), loc="left")
    axes.legend(loc="lower right")
    return figure


def _title(account: Account) -> str:
    n = len(standing(account)[0])
    return f"Importance of each gene for the loss after epoch {account.epochs[0]}, n = {n} candidates"
