"""Search curves: what had been reached after how many epochs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from uniads.report.page.figure import BLUE, GREY, RED, canvas
from uniads.report.page.sheet import Sheet
from uniads.search import Result, Status


@dataclass(frozen=True)
class Step:
    """A search as it stood when a trial of the top rung was done.

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


def steps(result: Result) -> list[Step]:
    """The search after each completed trial of its top rung; values of lower rungs are not compared with these."""
    return list(_steps(result))


def _steps(result: Result) -> Iterator[Step]:
    epochs = 0.0
    seen: set[str] = set()
    for position, trial in enumerate(result.trials):
        epochs += trial.epochs_spent
        seen.add(trial.candidate)
        if trial.rung == result.top and trial.status is Status.COMPLETED:
            so_far = replace(result, trials=result.trials[: position + 1])
            yield Step(len(seen), epochs, min(t.values[0] for t in so_far.front), so_far.hypervolume)


def curve_sheet(found: list[Step]) -> Sheet:
    """The steps as a table."""
    rows = [(step.candidates, step.epochs, step.best, step.hypervolume) for step in found]
    columns = ("candidates", "epochs", "best loss", "hypervolume")
    return Sheet("curve", f"The search by epochs trained, n = {len(rows)} trials of the top rung", columns, rows)


def curve_figure(found: list[Step], result: Result) -> Figure:
    """Best loss and hypervolume of the top rung by epochs trained."""
    figure, axes = canvas(9.5, 3.4, 1, 2)
    epochs = [step.epochs for step in found]
    n = len(result.at(result.top))
    axes[0].plot(epochs, [step.best for step in found], color=BLUE, drawstyle="steps-post", marker=".")
    axes[0].set(ylabel=f"lowest {result.measures[0].name} of the top rung", xlabel="epochs trained by all candidates")
    axes[0].set_title(f"Best loss, n = {n} trials", loc="left")
    axes[1].plot(epochs, [step.hypervolume for step in found], color=RED, drawstyle="steps-post", marker=".")
    reference = ", ".join(f"{measure.name} {measure.reference:.3g}" for measure in result.measures)
    axes[1].set(ylabel="hypervolume (larger is better)", xlabel="epochs trained by all candidates")
    axes[1].set_title(f"Hypervolume, up to {reference}", loc="left", color=GREY if not found else "black")
    return figure
