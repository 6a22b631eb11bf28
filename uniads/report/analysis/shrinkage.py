"""How the sampling weights of values moved from generation to generation."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from uniads.report.page.figure import panels
from uniads.report.page.label import labels
from uniads.report.page.sheet import Cell, Sheet
from uniads.search.account import Account


def shrinkage_sheet(account: Account) -> Sheet:
    """The weights after each generation, one row a value that was ever sampled unevenly."""
    generations = account.result.weights
    names = labels([dimension.key for dimension in account.space.dimensions])
    rows: list[tuple[Cell, ...]] = [
        (names[gene], str(value), *(weights[gene][position] for weights in generations))
        for gene in moved(account)
        for position, value in enumerate(account.space.dimensions[gene].values)
    ]
    columns = ("gene", "value", *(f"after generation {number + 1}" for number in range(len(generations))))
    return Sheet("shrinkage", "Sampling weights, 1 where all values are drawn alike", columns, rows)


def moved(account: Account) -> list[int]:
    """Positions of the genes whose weights ever differed."""
    genes = range(len(account.space.dimensions))
    return [gene for gene in genes if any(len(set(weights[gene])) > 1 for weights in account.result.weights)]


def shrinkage_figure(account: Account) -> Figure:
    """One panel a gene: values down, generations along, the weight as colour; blue is drawn more, red less."""
    genes = moved(account)
    dimensions = account.space.dimensions
    names = labels([dimension.key for dimension in dimensions])
    longest = max(len(dimensions[gene].values) for gene in genes)
    figure, axes = panels(len(genes), 4, 0.7 + 0.17 * longest, 11)
    for axis, gene in zip(axes, genes, strict=True):
        weights = [
            [generation[gene][value] for generation in account.result.weights] for value in _values(account, gene)
        ]
        image = axis.imshow(weights, aspect="auto", cmap="RdBu", vmin=0, vmax=2, interpolation="nearest")
        axis.set_yticks(_values(account, gene), [str(value) for value in dimensions[gene].values], fontsize=7)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.xaxis.set_major_formatter(lambda number, position: f"{number + 1:g}")
        axis.tick_params(axis="x", labelsize=7)
        axis.grid(False)
        axis.set_title(names[gene], loc="left", fontsize=9)
    figure.supxlabel("generation", fontsize=9)
    figure.colorbar(image, ax=axes, label="sampling weight (1: as likely as the mean)", shrink=0.6, extend="max")
    return figure


def _values(account: Account, gene: int) -> range:
    return range(len(account.space.dimensions[gene].values))
