"""The Pareto front as a figure and a table."""

from matplotlib.figure import Figure

from uniads.report.element.figure import BLUE, RED, create_figure, set_logarithmic
from uniads.report.element.sheet import Sheet
from uniads.search import Measure, Result, Trial

AXIS_LABELS = {
    "val_loss": "validation cross-entropy (nats)",
    "val_err1": "validation top-1 error (0 to 1)",
    "params": "parameters",
    "flops": "floating-point operations of one image",
}
RUNG_COLOURS = ("#c9d6df", "#8fa6b8", "#4f6d85", "#1f3a52")
"""The lowest rung first."""


def build_front_sheet(result: Result) -> Sheet:
    """The front by the first measure, with accuracy and size where they were measured."""
    measured = [name for name in ("val_acc1", "params") if any(name in trial.outcome for trial in result.front)]
    names = list(dict.fromkeys([*(measure.name for measure in result.measures), *measured]))
    best, knee = result.best, result.knee
    rows = []
    for trial in result.front:
        marks = [name for name, point in (("best", best), ("knee", knee)) if point == trial]
        numbers = [_read_number(result, name, trial) for name in names]
        rows.append((trial.candidate, " ".join(marks), *numbers, trial.epochs))
    title = f"Pareto front of the top rung, n = {len(rows)}"
    return Sheet("front", title, ("candidate", "", *names, "epochs"), rows)


def _read_number(result: Result, name: str, trial: Trial) -> float | None:
    """A number as it was recorded, or as a measure derives it from what was recorded."""
    if name in trial.outcome:
        return trial.outcome[name]
    measured = [measure.number(trial.outcome) for measure in result.measures if measure.name == name]
    return measured[0] if measured else None


def draw_pareto_figure(result: Result, title: str) -> Figure:
    """The first measure over the second: completed trials coloured by rung, and the front of the top rung as a line.

    Args:
        result: of a search that minimises at least two measures and has at least one completed trial.
        title: above the picture.
    """
    up, along = result.measures[0], result.measures[1]
    figure, (axes,) = create_figure(7.5, 4.6)
    for rung in range(result.top + 1):
        trials = result.at(rung)
        if trials:
            colour = RUNG_COLOURS[min(len(RUNG_COLOURS) - 1, rung + max(0, len(RUNG_COLOURS) - 1 - result.top))]
            numbers = [along.number(trial.outcome) for trial in trials], [up.number(trial.outcome) for trial in trials]
            label = f"after epoch {trials[0].epochs}, n = {len(trials)}"
            axes.scatter(*numbers, s=14 + 8 * rung, color=colour, label=label, linewidths=0)
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
    axes.set(xlabel=_label_axis(along), ylabel=_label_axis(up))
    set_logarithmic(axes)
    axes.set_title(title, loc="left")
    axes.legend()
    return figure


def _label_axis(measure: Measure) -> str:
    return AXIS_LABELS.get(measure.name, measure.name)
