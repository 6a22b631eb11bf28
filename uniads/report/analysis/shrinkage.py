"""How the sampling weights of values moved from generation to generation."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from uniads.report.element.figure import MIN_PANEL, create_panels
from uniads.report.element.label import shorten_keys
from uniads.report.element.sheet import Cell, Sheet
from uniads.search.account import Account
from uniads.terminal.text import shorten_text


def build_shrinkage_sheet(account: Account) -> Sheet:
    """The weights after each generation, one row a value that was ever sampled unevenly."""
    generations = account.result.weights
    names = shorten_keys([dimension.key for dimension in account.space.dimensions])
    rows: list[tuple[Cell, ...]] = [
        (names[gene], str(value), *(weights[gene][position] for weights in generations))
        for gene in find_weighted_genes(account)
        for position, value in enumerate(account.space.dimensions[gene].values)
    ]
    columns = ("gene", "value", *(f"after generation {number + 1}" for number in range(len(generations))))
    return Sheet("shrinkage", "Sampling weights, 1 where all values are equally likely", columns, rows)


def find_weighted_genes(account: Account) -> list[int]:
    """Positions of the genes whose values were ever sampled unevenly."""
    genes = range(len(account.space.dimensions))
    return [gene for gene in genes if any(len(set(weights[gene])) > 1 for weights in account.result.weights)]


def draw_shrinkage_figure(account: Account) -> Figure:
    """One panel a gene: values down, generations along, the weight as colour: blue above 1, red below."""
    genes = find_weighted_genes(account)
    dimensions = account.space.dimensions
    names = shorten_keys([dimension.key for dimension in dimensions])
    longest = max(len(dimensions[gene].values) for gene in genes)
    figure, axes = create_panels(len(genes), 4, MIN_PANEL + 0.17 * longest, 11)
    for axis, gene in zip(axes, genes, strict=True):
        positions = range(len(dimensions[gene].values))
        weights = [[generation[gene][position] for generation in account.result.weights] for position in positions]
        image = axis.imshow(weights, aspect="auto", cmap="RdBu", vmin=0, vmax=2, interpolation="nearest")
        axis.set_yticks(positions, [shorten_text(str(value), 24) for value in dimensions[gene].values], fontsize=7)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.xaxis.set_major_formatter(lambda number, position: f"{number + 1:g}")
        axis.tick_params(axis="x", labelsize=7)
        axis.grid(False)
        axis.set_title(names[gene], loc="left", fontsize=9)
    figure.supxlabel("generation", fontsize=9)
    figure.colorbar(image, ax=axes, label="sampling weight\n(1: as likely\nas the mean)", extend="max")
    return figure
