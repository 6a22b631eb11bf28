"""A table that is written as CSV, Markdown and LaTeX, and shown in HTML."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from uniads.terminal.text import clean_text, disarm_formula

Cell = str | int | float | None

_LATEX_SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """Rows under named columns. The CSV file keeps every digit; what is read by people is rounded.

    Texts may come from anywhere: no format takes them for a formula, for markup or for a path.

    Attributes:
        name: of its files; other signs than letters, digits, dots and dashes become underscores there.
        title: what it shows, with units and n.
        columns: names, with units.
        rows: one cell a column; None where there is nothing.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    @property
    def numeric_columns(self) -> tuple[bool, ...]:
        """Which columns hold numbers alone, and are aligned right."""
        cells = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return tuple(all(not isinstance(cell, str) for cell in column) for column in cells)

    @property
    def texts(self) -> list[list[str]]:
        """The rows as people read them."""
        return [[format_cell(cell) for cell in row] for row in self.rows]

    def to_markdown(self) -> str:
        """The table in GitHub's Markdown."""
        rule = ["---:" if numeric else "---" for numeric in self.numeric_columns]
        columns, *rows = [[_escape_markdown(cell) for cell in row] for row in (self.columns, *self.texts)]
        lines = [f"| {' | '.join(row)} |" for row in (columns, rule, *rows)]
        return f"{_escape_markdown(self.title)}\n\n" + "\n".join(lines) + "\n"

    def to_latex(self) -> str:
        """The table for LaTeX with the booktabs package."""
        body = "\n".join(" & ".join(map(_escape_latex, row)) + r" \\" for row in self.texts)
        head = " & ".join(map(_escape_latex, self.columns))
        align = "".join("r" if numeric else "l" for numeric in self.numeric_columns)
        return (
            f"\\begin{{table}}\n\\caption{{{_escape_latex(self.title)}}}\n\\begin{{tabular}}{{{align}}}\n\\toprule\n"
            f"{head} \\\\\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
        )

    def write(self, directory: Path) -> None:
        """Write the three files into a directory."""
        name = re.sub(r"[^\w.-]|^\.+", "_", self.name)
        rows = [[disarm_formula(clean_text(c)) if isinstance(c, str) else c for c in row] for row in self.rows]
        with (directory / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([map(clean_text, self.columns), *rows])
        (directory / f"{name}.md").write_text(self.to_markdown(), encoding="utf-8")
        (directory / f"{name}.tex").write_text(self.to_latex(), encoding="utf-8")


def format_cell(cell: Cell) -> str:
    """A cell as people read it: four significant digits, commas between thousands, a dash for nothing."""
    if cell is None or (isinstance(cell, float) and isnan(cell)):
        return "–"
    if isinstance(cell, str):
        return clean_text(cell)
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.0f}" if 1e4 <= abs(cell) < 1e9 else f"{cell:.4g}"


def _escape_markdown(text: str) -> str:
    return clean_text(text).replace("&", "&amp;").replace("<", "&lt;").replace("|", r"\|")


def _escape_latex(text: str) -> str:
    return "".join(_LATEX_SIGNS.get(sign, sign) for sign in clean_text(text))
