"""How often each value was tried, rejected, promoted, and on the front."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from uniads.report.element.figure import BLUE, GREY, LIGHT, MIN_PANEL, RED, create_panels
from uniads.report.element.label import shorten_keys
from uniads.report.element.sheet import Sheet
from uniads.search.account import Account
from uniads.search.space import Genome
from uniads.search.trial import Status
from uniads.terminal.text import shorten_text


@dataclass(frozen=True)
class Tally:
    """One value of one gene, counted in candidates.

    Attributes:
        gene: position of the gene.
        value: position of the value.
        tried: candidates that had it.
        rejected: of them, rejected at any rung.
        promoted: of them, trained beyond the first rung.
        front: of them, on the front of the top rung.
    """

    gene: int
    value: int
    tried: int
    rejected: int
    promoted: int
    front: int


def count_values(account: Account) -> list[Tally]:
    """The counts of every value of the space, also of those never tried; a gene without effect is not counted."""
    trials = account.result.first
    genomes = {trial.candidate: account.space.effective_genome(trial.genome) for trial in trials}
    groups = (
        genomes,
        {trial.candidate for trial in trials if trial.status is Status.REJECTED},
        {trial.candidate for trial in trials if trial.rung > 0},
        {trial.candidate for trial in account.result.front},
    )
    counted: list[list[Genome]] = [[genomes[candidate] for candidate in group] for group in groups]
    return [
        Tally(gene, value, *(sum(genome[gene] == value for genome in group) for group in counted))
        for gene, dimension in enumerate(account.space.dimensions)
        for value in range(len(dimension.values))
    ]


def build_frequency_sheet(account: Account, tallies: Sequence[Tally]) -> Sheet:
    """The counts, and shares of the tried ones."""
    names = shorten_keys([dimension.key for dimension in account.space.dimensions])
    rows = [
        (
            names[tally.gene], str(account.space.dimensions[tally.gene].values[tally.value]),
            tally.tried, tally.rejected, tally.promoted, tally.front,
            tally.promoted / tally.tried if tally.tried else None,
        )
        for tally in tallies
    ]  # fmt: skip
    title = f"How often each value was tried, in candidates, n = {account.result.candidates}"
    columns = ("gene", "value", "tried", "rejected", "promoted", "on the front", "share promoted")
    return Sheet("frequency", title, columns, rows)


def draw_frequency_figure(account: Account, tallies: Sequence[Tally]) -> Figure:
    """One panel a gene: a bar a value, of the candidates that tried it, were promoted, and are on the front."""
    dimensions = account.space.dimensions
    longest = max(len(dimension.values) for dimension in dimensions)
    figure, axes = create_panels(len(dimensions), 4, MIN_PANEL + 0.17 * longest, 11)
    names = shorten_keys([dimension.key for dimension in dimensions])
    for gene, dimension in enumerate(dimensions):
        of_gene = [tally for tally in tallies if tally.gene == gene]
        rows = range(len(of_gene))
        promoted = [tally.promoted for tally in of_gene]
        axes[gene].barh(rows, [tally.tried for tally in of_gene], 0.8, color=LIGHT, label="tried")
        axes[gene].barh(rows, promoted, 0.8, color=GREY, label="promoted")
        axes[gene].barh(rows, [tally.front for tally in of_gene], 0.8, color=BLUE, label="on the front")
        rejected = [tally.rejected for tally in of_gene]
        axes[gene].scatter(rejected, rows, marker="|", s=60, color=RED, label="rejected", zorder=3)
        axes[gene].set_yticks(rows, [shorten_text(str(value), 24) for value in dimension.values], fontsize=7)
        axes[gene].tick_params(axis="x", labelsize=7)
        axes[gene].xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[gene].invert_yaxis()
        axes[gene].grid(False)
        axes[gene].set_title(names[gene], loc="left", fontsize=9)
    handles, texts = axes[0].get_legend_handles_labels()
    title = f"candidates by value, n = {account.result.candidates}"
    figure.legend(handles, texts, loc="outside upper right", ncols=4, title=title)
    return figure
