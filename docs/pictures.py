"""Draws the pages' pictures: .venv/bin/python -m docs.pictures.

Those of a search come from the recorded ledger, by the code that draws a search's report.
"""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uniads.bridge.candidate_loss import describe_candidate_loss
from uniads.options import conf_dir
from uniads.report.analysis.frequency import count_values, draw_frequency_figure
from uniads.report.analysis.importance import draw_importance_figure, measure_importances
from uniads.report.element.figure import BLUE, GREY, RED, STYLE, create_figure
from uniads.report.search.candidate import list_student_settings
from uniads.report.search.convergence import draw_convergence_figure, trace_convergence
from uniads.report.search.loss_graph import draw_loss_figure
from uniads.report.search.pareto import draw_pareto_figure
from uniads.search import Account, Halving

ROOT = Path(__file__).resolve().parents[1]
LEDGER = ROOT / "benchmarks" / "ledgers" / "digits_resnet56-resnet20.jsonl.gz"
FOLDER = ROOT / "docs" / "pictures"


@cache
def account() -> Account:
    """The recorded search."""
    return Account.of(LEDGER)


def pareto() -> Figure:
    """All candidates of the recorded search by loss and size."""
    return draw_pareto_figure(account().result, "ResNet-20 students of ResNet-56 on digits, 300 random candidates")


def curve() -> Figure:
    """What the recorded search had found after how many epochs."""
    return draw_convergence_figure(trace_convergence(account().result), account().result)


def importance() -> Figure:
    """Which genes the losses of the recorded search depend on."""
    return draw_importance_figure(account(), measure_importances(account()))


def frequency() -> Figure:
    """How often each value was tried and promoted."""
    return draw_frequency_figure(account(), count_values(account()))


def graph() -> Figure:
    """The loss of the recorded search's best candidate."""
    best = account().result.best
    assert best is not None
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loss = describe_candidate_loss(GlobalHydra.instance().config_loader(), account(), best)
    assert loss is not None
    return draw_loss_figure(loss, list_student_settings(best), f"The loss of {best.candidate}")


def halving() -> Figure:
    """One generation of ``search=quick``: who goes on to which rung."""
    rungs = Halving([1, 2, 3], [12, 9, 7]).rungs
    figure, (axes,) = create_figure(7.5, 3.2)
    start = 0
    for position, rung in enumerate(rungs):
        after = rungs[position + 1].quota if position + 1 < len(rungs) else rung.quota
        colors = [BLUE if candidate < after else GREY for candidate in range(rung.quota)]
        axes.barh(range(rung.quota), rung.epochs - start - 0.03, left=start, height=0.7, color=colors, linewidth=0)
        axes.text((start + rung.epochs) / 2, -1, f"{rung.quota} candidates", ha="center", va="center", color=RED)
        start = rung.epochs
    _tidy(axes, rungs[-1].epochs, rungs[0].quota)
    return figure


def _tidy(axes: Axes, epochs: int, candidates: int) -> None:
    axes.set(xlabel="epochs that a candidate has had", ylabel="candidates of a generation, by rank")
    axes.set(xlim=(0, epochs), ylim=(candidates - 0.4, -1.5), xticks=range(epochs + 1), yticks=[])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_title("Successive halving: blue goes on, grey stops", loc="left")


PICTURES: dict[str, Callable[[], Figure]] = {
    "pareto": pareto,
    "curve": curve,
    "importance": importance,
    "frequency": frequency,
    "graph": graph,
    "halving": halving,
}


def main(folder: Path = FOLDER) -> None:
    """Write all pictures as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    with rc_context(STYLE):
        for name, draw in PICTURES.items():
            draw().savefig(folder / f"{name}.png", dpi=130)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
