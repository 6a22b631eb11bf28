"""The Pareto front as a figure and a table, with every objective of the search."""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uniads.report.element.figure import BLUE, RED, create_figure, create_panels, set_logarithmic
from uniads.report.element.sheet import Sheet
from uniads.report.search.candidate import describe_point
from uniads.search import Measure, Result, Trial
from uniads.terminal.text import shorten_text
from uniads.terminal.trial import list_marks, read_number

AXIS_LABELS = {
    "val_loss": "validation cross-entropy (nats)",
    "val_err1": "validation top-1 error (0 to 1)",
    "params": "parameters",
    "flops": "floating-point operations of one image",
    "seconds": "seconds",
}
RUNG_COLOURS = ("#c9d6df", "#8fa6b8", "#4f6d85", "#1f3a52")
"""The lowest rung first."""
MOST_LABELS = 25
"""Names beside a front; one with more points is read from the table, or with the pointer."""


def build_front_sheet(result: Result) -> Sheet:
    """The front by the first measure, with accuracy and size where they were measured."""
    measured = [name for name in ("val_acc1", "params") if any(name in trial.outcome for trial in result.front)]
    names = list(dict.fromkeys([*(measure.name for measure in result.measures), *measured]))
    rows = [
        (
            trial.candidate,
            list_marks(result, trial),
            *(read_number(trial, name) for name in names),
            trial.epochs,
        )
        for trial in result.front
    ]
    title = f"Pareto front of the top rung, n = {len(rows)}"
    return Sheet("front", title, ("candidate", "", *names, "epochs"), rows)


def draw_pareto_figure(result: Result, title: str) -> Figure:
    """The first measure over each other: completed trials coloured by rung, and the front of the top rung as a line.

    Of more than two measures a panel shows two, so that its line is no front of these two alone.

    Args:
        result: of a search that minimises at least two measures and has at least one completed trial.
        title: above the picture.
    """
    up, *others = result.measures
    figure, panels = create_figure(7.5, 4.6) if len(others) == 1 else create_panels(len(others), 2, 4.0)
    for axes, along in zip(panels, others, strict=True):
        _draw_panel(axes, result, up, along)
    panels[0].set_title(shorten_text(title, 80), loc="left")
    panels[0].legend()
    return figure


def _draw_panel(axes: Axes, result: Result, up: Measure, along: Measure) -> None:
    for rung in range(result.top + 1):
        trials = result.at(rung)
        if trials:
            colour = RUNG_COLOURS[min(len(RUNG_COLOURS) - 1, rung + max(0, len(RUNG_COLOURS) - 1 - result.top))]
            numbers = [along.number(trial.outcome) for trial in trials], [up.number(trial.outcome) for trial in trials]
            label = f"after epoch {trials[0].epochs}, n = {len(trials)}"
            points = axes.scatter(*numbers, s=14 + 8 * rung, color=colour, label=label, linewidths=0)
            points.set_gid(_name_points(rung, along))
    front = sorted(result.front, key=lambda trial: along.number(trial.outcome))
    places = [(along.number(trial.outcome), up.number(trial.outcome)) for trial in front]
    line = "o-" if len(result.measures) == 2 else "o"
    axes.plot(
        *zip(*places, strict=True) if places else ((), ()), line, color=RED, markersize=8, markerfacecolor="none",
        label=f"Pareto front, n = {len(front)}",
    )  # fmt: skip
    for trial, place in list(zip(front, places, strict=True))[:MOST_LABELS]:
        name = shorten_text(trial.candidate, 12)
        axes.annotate(name, place, xytext=(5, 5), textcoords="offset points", fontsize=7, color=RED)
    set_logarithmic(axes)
    for measure, draw in ((along, axes.axvline), (up, axes.axhline)):
        if measure.target:
            draw(measure.target, color=BLUE, linestyle=":", label=f"target {measure.target:,.6g}")
    axes.set(xlabel=_label_axis(along), ylabel=_label_axis(up))


def list_hover_texts(result: Result) -> dict[str, list[str]]:
    """What each point of the figure is, by the name of its collection of points."""
    texts = {rung: [describe_point(result, trial) for trial in result.at(rung)] for rung in range(result.top + 1)}
    return {_name_points(rung, along): texts[rung] for along in result.measures[1:] for rung in texts if texts[rung]}


def _name_points(rung: int, along: Measure) -> str:
    return f"rung-{rung}-{''.join(sign if sign.isalnum() else '_' for sign in along.name)}"


def _label_axis(measure: Measure) -> str:
    name = AXIS_LABELS.get(measure.name, shorten_text(measure.name))
    aim = "lower is better" if measure.target is None else f"nearer to {measure.target:,.6g} is better"
    return f"{name}; {aim}"


def list_commands(result: Result, spell: Callable[[Trial], str]) -> tuple[tuple[str, str], ...]:
    """For every point of the front a line that names it, and the command that trains it again."""
    return tuple((_name_command(result, trial), spell(trial)) for trial in result.front)


def _name_command(result: Result, trial: Trial) -> str:
    marks = list_marks(result, trial)
    return f"Train {trial.candidate} again{f' ({marks})' if marks else ''}"
