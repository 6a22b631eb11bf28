"""A loss as a graph: which knowledge of teacher and student is compared, how, and with which weight."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from uniads.bridge.loss_formula import LossFormula, TermFormula
from uniads.report.element.figure import BLUE, GREY, LIGHT, RED, create_figure
from uniads.terminal.text import shorten_text

BOX, GAP = 1.9, 0.35
"""Width of a box, and the space between two."""


def draw_loss_figure(loss: LossFormula, student: Sequence[str], title: str) -> Figure:
    """Teacher and student on the left, one row a term, their sum on the right.

    Args:
        loss: of the candidate.
        student: what sets its architecture, one entry a line.
        title: above the picture.
    """
    rows = len(loss.terms) + 1
    width = max([3 + max(len(term.transforms), 1) for term in loss.terms] or [3])
    figure, (axes,) = create_figure(2 + 1.35 * (width + 1), 0.9 + 0.85 * max(rows, 2))
    axes.axis("off")
    right = 1.15 * BOX + (width - 1) * (BOX + GAP) + GAP
    top = max(rows, 2) - 1
    _draw_box(axes, 0, top, "teacher\n(frozen)", GREY)
    _draw_box(axes, 0, 0, "\n".join(["student", *student[:4]]), BLUE, height=0.5 + 0.12 * len(student[:4]))
    for row, term in enumerate(loss.terms):
        _draw_term(axes, term, top - row, right, top)
    last = top - len(loss.terms)
    _draw_box(axes, 1.15 * BOX + GAP, last, "logits, labels", LIGHT)
    _draw_arrow(axes, (BOX / 2, 0), (1.15 * BOX + GAP - BOX / 2, last), BLUE)
    _draw_box(axes, right, last, f"{loss.task:g} ×\ncross-entropy", RED)
    _draw_arrow(axes, (1.15 * BOX + GAP + BOX / 2, last), (right - BOX / 2, last), GREY)
    middle = top / 2
    _draw_box(axes, right + 1.15 * BOX, middle, "loss\n(sum)", RED, width=BOX * 0.7)
    for row in range(rows):
        _draw_arrow(axes, (right + BOX / 2, top - row), (right + 0.8 * BOX, middle), RED)
    axes.set(xlim=(-BOX * 0.55, right + 1.6 * BOX), ylim=(-0.6, top + 0.5))
    axes.set_title(shorten_text(title, 80), loc="left")
    return figure


def _draw_term(axes: Axes, term: TermFormula, y: float, right: float, top: float) -> None:
    """One row: knowledge, transforms, distance, weight."""
    x = 1.15 * BOX + GAP
    _draw_arrow(axes, (BOX / 2, top), (x - BOX / 2, y), GREY)
    _draw_arrow(axes, (BOX / 2, 0), (x - BOX / 2, y), BLUE)
    texts = [term.source]
    if term.distance:
        texts += [*(term.transforms or ("as it is",)), f"{term.distance}\n{_say_taus(term)}"]
    for position, text in enumerate(texts):
        _draw_box(axes, x, y, text, LIGHT)
        end = x + BOX + GAP if position + 1 < len(texts) else right
        _draw_arrow(axes, (x + BOX / 2, y), (end - BOX / 2, y), GREY)
        x += BOX + GAP
    scale = f"{term.weight:g} · {term.tau:g}²" if term.distance else f"{term.weight:g}"
    changes = [part.split()[0] for part in term.course.split(", ") if part]  # such as rising
    lines = [scale, f"× {term.name}", *filter(None, [term.counted, ", ".join(changes)])]
    _draw_box(axes, right, y, "\n".join(lines), RED, height=0.5 + 0.1 * (len(lines) - 2))


def _say_taus(term: TermFormula) -> str:
    if term.tau_teacher is None:
        return f"of both / {term.tau:g}"
    return f"of s / {term.tau:g}, t / {term.tau_teacher:g}"


def _draw_box(axes: Axes, x: float, y: float, text: str, color: str, width: float = BOX, height: float = 0.5) -> None:
    """A box around a text, its middle at (x, y)."""
    corners = "round,pad=0.02,rounding_size=0.08"
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(FancyBboxPatch(corner, width, height, corners, facecolor=color, edgecolor="none"))
    dark = color in (BLUE, RED, GREY)
    text = "\n".join(shorten_text(line, 24) for line in text.split("\n"))
    axes.text(x, y, text, ha="center", va="center", fontsize=8, color="white" if dark else "black", zorder=3)


def _draw_arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1, "shrinkA": 0, "shrinkB": 0})
