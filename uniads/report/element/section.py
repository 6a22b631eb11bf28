"""A part of a report: sentences, a figure, a table."""

from dataclasses import dataclass

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
        folded: whether the table is hidden until the reader opens it.
    """

    name: str
    title: str
    notes: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    figure: Figure | None = None
    sheet: Sheet | None = None
    folded: bool = False
