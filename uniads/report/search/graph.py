"""A candidate as a picture: which knowledge of teacher and student is compared, how, and how much it counts."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from uniads.bridge.loss_formula import LossFormula, TermFormula
from uniads.report.page.figure import BLUE, GREY, LIGHT, RED, canvas

CELL, GAP = 1.9, 0.35
"""Width of a box, and what lies between two."""


def graph_figure(loss: LossFormula, student: Sequence[str], title: str) -> Figure:
    """Teacher and student on the left, one row a term, their sum on the right.

    Args:
        loss: of the candidate.
        student: what sets its architecture, one entry a line.
        title: above the picture.
    """
    rows = len(loss.terms) + 1
    width = max([3 + max(len(term.transforms), 1) for term in loss.terms] or [3])
    figure, (axes,) = canvas(2 + 1.35 * (width + 1), 0.9 + 0.85 * max(rows, 2))
    axes.axis("off")
    right = 1.15 * CELL + (width - 1) * (CELL + GAP) + GAP
    top = max(rows, 2) - 1
    box(axes, 0, top, "teacher\n(frozen)", GREY)
    box(axes, 0, 0, "\n".join(["student", *student[:4]]), BLUE, height=0.5 + 0.12 * len(student[:4]))
    for row, term in enumerate(loss.terms):
        _term(axes, term, top - row, right, top)
    last = top - len(loss.terms)
    box(axes, 1.15 * CELL + GAP, last, "logits, labels", LIGHT)
    _arrow(axes, (CELL / 2, 0), (1.15 * CELL + GAP - CELL / 2, last), BLUE)
    box(axes, right, last, f"{loss.task:g} ×\ncross-entropy", RED)
    _arrow(axes, (1.15 * CELL + GAP + CELL / 2, last), (right - CELL / 2, last), GREY)
    middle = top / 2
    box(axes, right + 1.15 * CELL, middle, "loss\n(sum)", RED, width=CELL * 0.7)
    for row in range(rows):
        _arrow(axes, (right + CELL / 2, top - row), (right + 0.8 * CELL, middle), RED)
    axes.set(xlim=(-CELL * 0.55, right + 1.6 * CELL), ylim=(-0.6, top + 0.5))
    axes.set_title(title, loc="left")
    return figure


def _term(axes: Axes, term: TermFormula, y: float, right: float, top: float) -> None:
    """One row: knowledge, transforms, distance, weight."""
    x = 1.15 * CELL + GAP
    _arrow(axes, (CELL / 2, top), (x - CELL / 2, y), GREY)
    _arrow(axes, (CELL / 2, 0), (x - CELL / 2, y), BLUE)
    texts = [term.source]
    if term.distance:
        texts += [*(term.transforms or ("as it is",)), f"{term.distance}\nof both / {term.tau:g}"]
    for position, text in enumerate(texts):
        box(axes, x, y, text, LIGHT)
        end = x + CELL + GAP if position + 1 < len(texts) else right
        _arrow(axes, (x + CELL / 2, y), (end - CELL / 2, y), GREY)
        x += CELL + GAP
    scale = f"{term.weight:g} · {term.tau:g}²" if term.distance else f"{term.weight:g}"
    box(axes, right, y, f"{scale}\n× {term.name}", RED)


def box(axes: Axes, x: float, y: float, text: str, color: str, width: float = CELL, height: float = 0.5) -> None:
    """A box around a text, its middle at (x, y)."""
    corners = "round,pad=0.02,rounding_size=0.08"
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(FancyBboxPatch(corner, width, height, corners, facecolor=color, edgecolor="none"))
    dark = color in (BLUE, RED, GREY)
    axes.text(x, y, text, ha="center", va="center", fontsize=8, color="white" if dark else "black", zorder=3)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1, "shrinkA": 0, "shrinkB": 0})
