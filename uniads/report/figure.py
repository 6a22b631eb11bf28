"""The Pareto front as a picture."""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, NullFormatter

from uniads.search import Result


def pareto_figure(result: Result, title: str, target: float | None) -> Figure:
    """Validation loss over parameters: all completed trials, each rung a shade, the front of the top rung a line.

    Args:
        result: of a search that has at least one completed trial.
        title: above the picture.
        target: the wanted number of parameters, drawn as a line.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for rung in range(result.top + 1):
        trials = result.at(rung)
        if trials:
            axes.scatter(
                [trial.outcome["params"] / 1e6 for trial in trials],
                [trial.outcome["val_loss"] for trial in trials],
                s=18 + 14 * rung,
                color=str(0.75 - 0.75 * (rung + 1) / (result.top + 2)),
                label=f"after epoch {trials[0].epochs}, n = {len(trials)}",
            )
    front = sorted(result.front, key=lambda trial: trial.outcome["params"])
    axes.plot(
        [trial.outcome["params"] / 1e6 for trial in front],
        [trial.outcome["val_loss"] for trial in front],
        "o-",
        color="tab:red",
        markersize=9,
        markerfacecolor="none",
        label=f"Pareto front, n = {len(front)}",
    )
    for trial in front:
        axes.annotate(
            trial.candidate, (trial.outcome["params"] / 1e6, trial.outcome["val_loss"]),
            xytext=(6, 6), textcoords="offset points", fontsize=8,
        )  # fmt: skip
    if target:
        axes.axvline(target / 1e6, color="tab:blue", linestyle=":", label="target")
    axes.set(xlabel="parameters (millions)", ylabel="validation cross-entropy (nats)", xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_title(title, loc="left")
    axes.legend(fontsize=8)
    return figure


def save(figure: Figure, directory: Path, name: str) -> None:
    """Write a figure as PNG and as SVG."""
    figure.savefig(directory / f"{name}.png", dpi=150)
    figure.savefig(directory / f"{name}.svg")
