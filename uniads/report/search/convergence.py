"""How one search converged: what it had reached after how many epochs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from uniads.report.element.figure import BLUE, RED, create_figure
from uniads.report.element.sheet import Sheet
from uniads.search import Measure, Result, Status
from uniads.terminal.text import shorten_text


@dataclass(frozen=True)
class Progress:
    """What a search had reached when a trial of the top rung was completed.

    Attributes:
        candidates: evaluated until then.
        epochs: trained until then, each counted once.
        best: lowest first measure of the top rung.
        hypervolume: of the top rung's front.
    """

    candidates: int
    epochs: float
    best: float
    hypervolume: float


def trace_convergence(result: Result) -> list[Progress]:
    """The progress at each completed trial of the top rung; values of lower rungs are not compared with these."""
    return list(_trace(result))


def _trace(result: Result) -> Iterator[Progress]:
    epochs = 0.0
    candidates: set[str] = set()
    for position, trial in enumerate(result.trials):
        epochs += trial.epochs_spent
        candidates.add(trial.repeats or trial.candidate)
        if trial.rung == result.top and trial.status is Status.COMPLETED:
            so_far = replace(result, trials=result.trials[: position + 1])
            yield Progress(len(candidates), epochs, min(t.values[0] for t in so_far.front), so_far.hypervolume)


def build_convergence_sheet(progress: Sequence[Progress]) -> Sheet:
    """One row a completed trial of the top rung."""
    rows = [(point.candidates, point.epochs, point.best, point.hypervolume) for point in progress]
    columns = ("candidates", "epochs", "best loss", "hypervolume")
    return Sheet("curve", f"The search by epochs trained, n = {len(rows)} trials of the top rung", columns, rows)


def _describe_bound(measure: Measure) -> str:
    of = "" if measure.target is None else " x target away"
    return f"{shorten_text(measure.name, 20)} {measure.reference:.3g}{of}"


def draw_convergence_figure(progress: Sequence[Progress], result: Result) -> Figure:
    """Best loss and hypervolume of the top rung over the epochs trained."""
    figure, axes = create_figure(9.5, 3.4, 1, 2)
    epochs = [point.epochs for point in progress]
    n = len(result.at(result.top))
    axes[0].plot(epochs, [point.best for point in progress], color=BLUE, drawstyle="steps-post", marker=".")
    name = shorten_text(result.measures[0].name)
    unit = " (nats)" if name == "val_loss" else ""
    along = "epochs trained by all candidates"
    axes[0].set(ylabel=f"lowest {name}{unit} of the top rung\n(lower is better)", xlabel=along)
    axes[0].set_title(f"Best {name}, n = {n} trial{'' if n == 1 else 's'}", loc="left")
    axes[1].plot(epochs, [point.hypervolume for point in progress], color=RED, drawstyle="steps-post", marker=".")
    bounds = ", ".join(_describe_bound(measure) for measure in result.measures)
    axes[1].set(ylabel="hypervolume\n(larger is better)", xlabel=along)
    axes[1].set_title(f"Hypervolume, up to {bounds}", loc="left", fontsize=8)
    return figure
