"""A part of a report: sentences, a figure, a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from uniads.report.element.sheet import Sheet


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes:
        name: of its figure's files.
        title: heading.
        notes: sentences.
        code: a command or a formula, kept as it is.
        figure: shown above the table.
        sheet: a table.
        hover: texts that a point of the figure shows under the pointer: for each of the figure's named collections of
            points, one a point.
        folds: a line, and the command or formula that it hides until the reader opens it.
        folded: whether the table is hidden until the reader opens it.
    """

    name: str
    title: str
    notes: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    figure: Figure | None = None
    sheet: Sheet | None = None
    hover: Mapping[str, Sequence[str]] = field(default_factory=dict)
    folds: tuple[tuple[str, str], ...] = ()
    folded: bool = False
