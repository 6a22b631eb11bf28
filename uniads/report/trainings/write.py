"""All tables of the trainings under a directory."""

from pathlib import Path

from uniads.report.element.sheet import Sheet
from uniads.report.trainings.alone_sheet import build_alone_sheet
from uniads.report.trainings.method_sheet import build_methods_sheet, build_trainings_sheet
from uniads.report.trainings.training import group_trainings, read_trainings


def write_trainings(directory: Path) -> list[Sheet]:
    """Write the tables of a directory's trainings into its ``report/``, and return them.

    Raises:
        UserError: there is no training, or a file of one can't be read.
    """
    groups = group_trainings(read_trainings(directory))
    data_sets = sorted({group[0].data for group in groups})
    sheets = [build_trainings_sheet(groups), *(build_methods_sheet(data, groups) for data in data_sets)]
    alone = build_alone_sheet(groups)
    sheets += [alone] if alone else []
    (directory / "report").mkdir(parents=True, exist_ok=True)
    for sheet in sheets:
        sheet.write(directory / "report")
    return sheets
