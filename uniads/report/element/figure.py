"""How figures look, and how they are written: the same numbers give the same bytes."""

import base64
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

BLUE, RED, GREY, LIGHT = "#2a6f97", "#c8553d", "#8d99ae", "#d9dee7"
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#eceff4",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "uniads",
    "text.parse_math": False,
}
MIN_PANEL = 1.2
"""Inches of height that a panel needs beside its bars: title, axis and numbers."""


def create_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of this width and height in inches, and its axes, row by row."""
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def create_panels(n: int, columns: int, height: float, width: float = 10.0) -> tuple[Figure, list[Axes]]:
    """A figure of n small axes in rows of ``columns``, each ``height`` inches high."""
    columns = max(1, min(n, columns))
    rows = ceil(n / columns)
    figure, axes = create_figure(width, rows * height, rows, columns)
    for spare in axes[n:]:
        spare.remove()
    return figure, axes[:n]


def set_logarithmic(axes: Axes) -> None:
    """Make the axes logarithmic where all numbers are positive and differ by more than half, with numbers as 1.5M."""
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        low, high = getattr(axes.dataLim, f"interval{name}")
        if low > 0 and high > 1.5 * low:
            getattr(axes, f"set_{name}scale")("log")
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(FuncFormatter(_shorten))


def _shorten(number: float, position: int | None = None) -> str:
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{sign}"
    return f"{number:.4g}"


def save_figure(figure: Figure, directory: Path, name: str) -> None:
    """Write a figure as PNG and as SVG."""
    with _drawing(figure):
        figure.savefig(directory / f"{name}.png", dpi=150)
    (directory / f"{name}.svg").write_bytes(render_svg(figure))


def render_svg(figure: Figure) -> bytes:
    """A figure as SVG, without the date."""
    stream = BytesIO()
    with _drawing(figure):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


@contextmanager
def _drawing(figure: Figure) -> Iterator[None]:
    """Draw texts as they are: a dollar is no formula, and a sign that the font lacks is no warning."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def encode_picture(svg: bytes) -> str:
    """An SVG as an address that holds the whole picture, so that a page needs no other file."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
