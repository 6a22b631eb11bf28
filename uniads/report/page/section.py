"""A part of a report: sentences, a picture, a table."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from uniads.report.page.sheet import Sheet


@dataclass(frozen=True)
class Section:
    """One part.

    Attributes:
        name: of its figure's files.
        title: heading.
        notes: sentences.
        code: a command or a formula, kept as it is.
        figure: a picture.
        sheet: a table.
        folded: whether the table is long, and shown when asked for.
    """

    name: str
    title: str
    notes: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    figure: Figure | None = None
    sheet: Sheet | None = None
    folded: bool = False
