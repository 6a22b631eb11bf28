"""The Pareto front as a picture and a table."""

from matplotlib.figure import Figure

from uniads.report.page.figure import BLUE, RED, canvas, logarithmic
from uniads.report.page.sheet import Sheet
from uniads.search import Measure, Result, Trial

UNITS = {
    "val_loss": "validation cross-entropy (nats)",
    "val_err1": "validation top-1 error (0 to 1)",
    "params": "parameters",
    "flops": "floating-point operations of one image",
}
SHADES = ("#c9d6df", "#8fa6b8", "#4f6d85", "#1f3a52")
"""Of the rungs, lowest first."""


def front_sheet(result: Result) -> Sheet:
    """The front by the first measure."""
    names = list(dict.fromkeys([*(measure.name for measure in result.measures), "val_acc1", "params"]))
    best, knee = result.best, result.knee
    rows = []
    for trial in result.front:
        marks = [name for name, point in (("best", best), ("knee", knee)) if point == trial]
        numbers = [trial.outcome.get(name) if name in trial.outcome else _number(result, name, trial) for name in names]
        rows.append((trial.candidate, " ".join(marks), *numbers, trial.epochs))
    title = f"Pareto front of the top rung, n = {len(rows)}"
    return Sheet("front", title, ("candidate", "", *names, "epochs"), rows)


def _number(result: Result, name: str, trial: Trial) -> float | None:
    measured = [measure.number(trial.outcome) for measure in result.measures if measure.name == name]
    return measured[0] if measured else None


def pareto_figure(result: Result, title: str) -> Figure:
    """The first measure over the second: all completed trials, each rung a shade, the front of the top rung a line.

    Args:
        result: of a search that minimises at least two measures and has at least one completed trial.
        title: above the picture.
    """
    up, along = result.measures[0], result.measures[1]
    figure, (axes,) = canvas(7.5, 4.6)
    for rung in range(result.top + 1):
        trials = result.at(rung)
        if trials:
            shade = SHADES[min(len(SHADES) - 1, rung + max(0, len(SHADES) - 1 - result.top))]
            numbers = [along.number(trial.outcome) for trial in trials], [up.number(trial.outcome) for trial in trials]
            label = f"after epoch {trials[0].epochs}, n = {len(trials)}"
            axes.scatter(*numbers, s=14 + 8 * rung, color=shade, label=label, linewidths=0)
    front = sorted(result.front, key=lambda trial: along.number(trial.outcome))
    points = [(along.number(trial.outcome), up.number(trial.outcome)) for trial in front]
    axes.plot(
        *zip(*points, strict=True) if points else ((), ()), "o-", color=RED, markersize=8, markerfacecolor="none",
        label=f"Pareto front, n = {len(front)}",
    )  # fmt: skip
    for trial, point in zip(front, points, strict=True):
        axes.annotate(trial.candidate, point, xytext=(5, 5), textcoords="offset points", fontsize=7, color=RED)
    if along.target:
        axes.axvline(along.target, color=BLUE, linestyle=":", label=f"target {along.target:,.0f}")
    axes.set(xlabel=_unit(along), ylabel=_unit(up))
    logarithmic(axes)
    axes.set_title(title, loc="left")
    axes.legend()
    return figure


def _unit(measure: Measure) -> str:
    return UNITS.get(measure.name, measure.name)
