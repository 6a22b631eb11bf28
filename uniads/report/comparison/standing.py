"""The standings of several searches over seeds: what each has after equal epochs, and how certain that is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.table import Table
from scipy import stats

RESAMPLES = 2_000

Array = np.ndarray


@dataclass(frozen=True)
class Standing:
    """One search's results at the end of the budget, over seeds.

    Attributes:
        algorithm: its name.
        hypervolume: the median.
        low: lower end of the median's 95 % bootstrap interval.
        high: upper end.
        rank: mean over seeds of its rank among all, 1 for the largest hypervolume; equals share theirs.
        regret: median loss above the best loss known in the seed, in nats.
        better: share of the seeds in which its hypervolume is above the first algorithm's; equals count half.
        p: of Wilcoxon's signed-rank test against the first, paired by seed, two-sided, adjusted by Holm's method.
    """

    algorithm: str
    hypervolume: float
    low: float
    high: float
    rank: float
    regret: float
    better: float | None
    p: float | None


def build_standings(hypervolume: Mapping[str, Array], regret: Mapping[str, Array]) -> list[Standing]:
    """The standing of each search, in the order given.

    Args:
        hypervolume: at the end, by algorithm, (seeds,) each, the same seed at the same place.
        regret: likewise.
    """
    names = list(hypervolume)
    volumes = np.stack([hypervolume[name] for name in names])
    ranks = stats.rankdata(-volumes, axis=0).mean(axis=1)
    p_values = adjust_p_values([_test_pairs(volume, volumes[0]) for volume in volumes[1:]])
    standings = []
    for at, name in enumerate(names):
        low, high = (float(end) for end in bootstrap_median(volumes[at]))
        ahead = float(((volumes[at] > volumes[0]) + 0.5 * (volumes[at] == volumes[0])).mean())
        standings.append(
            Standing(
                name, float(np.median(volumes[at])), low, high, float(ranks[at]), float(np.median(regret[name])),
                ahead if at else None, p_values[at - 1] if at else None,
            )
        )  # fmt: skip
    return standings


def _test_pairs(one: Array, other: Array) -> float:
    return float(stats.wilcoxon(one, other).pvalue) if (one != other).any() else 1.0


def adjust_p_values(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for their number by Holm's method.

    p(k) * (m - k + 1) of the k-th smallest of m, never falling, at most 1.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    order = np.argsort(p_values)
    scaled = np.array(p_values)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(p) for p in adjusted]


def bootstrap_median(samples: Array) -> tuple[Array, Array]:
    """The 95 % percentile-bootstrap interval of the median over the first axis, with a fixed seed."""
    rng = np.random.default_rng(0)
    draws = rng.integers(len(samples), size=(RESAMPLES, len(samples)))
    medians = np.stack([np.median(samples[draw], axis=0) for draw in draws])
    low, high = np.quantile(medians, [0.025, 0.975], axis=0)
    return np.asarray(low), np.asarray(high)


def format_standings(standings: Sequence[Standing]) -> list[dict[str, str]]:
    """Standings as text, by column."""
    return [
        {
            "search": standing.algorithm,
            "hypervolume": f"{standing.hypervolume:.3f}",
            "95 % interval": f"{standing.low:.3f} to {standing.high:.3f}",
            "rank": f"{standing.rank:.2f}",
            "regret": f"{standing.regret:.3f}",
            "wins": "" if standing.better is None else f"{standing.better:.0%}",
            "p": "" if standing.p is None else f"{standing.p:.2g}",
        }
        for standing in standings
    ]


COLUMN_NOTES = (
    "hypervolume and regret (nats): medians over seeds; rank: mean over seeds, 1 is best; wins: share of seeds with "
    "more hypervolume than the first row; p: Wilcoxon's signed-rank test against the first row, adjusted after Holm"
)


def build_standings_table(standings: Sequence[Standing], title: str) -> Table:
    """Standings for a terminal."""
    table = Table(title=title, title_justify="left", caption=COLUMN_NOTES, caption_justify="left")
    for row in format_standings(standings)[:1]:
        for name in row:
            table.add_column(name, justify="left" if name == "search" else "right")
    for row in format_standings(standings):
        table.add_row(*row.values())
    return table


def format_markdown(standings: Sequence[Standing]) -> str:
    """Standings as a Markdown table."""
    lines = [list(row.values()) for row in format_standings(standings)]
    head = list(format_standings(standings)[0])
    return (
        "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *lines]) + f"\n\n{COLUMN_NOTES}\n"
    )


def list_records(standings: Sequence[Standing]) -> list[dict[str, str | float | None]]:
    """Standings as plain numbers."""
    return [asdict(standing) for standing in standings]
