"""Texts of a user are printed as they are: nothing in a path or a name is markup."""

from io import StringIO
from pathlib import Path

import pytest
from rich.table import Table

from tests.journey import LIGHTNING, SMALL, Commands
from uniads import evaluate, train
from uniads.report import __main__ as report
from uniads.terminal.console import build_console

pytestmark = LIGHTNING
ODD = "S [/b]x [red] :smile: [link=a]"


def test_brackets_and_colons_stay_in_lines_tables_and_rules() -> None:
    console = build_console()
    console.file = StringIO()
    table = Table(title=ODD)
    table.add_column(ODD)
    table.add_row(ODD)
    console.print(ODD)
    console.print(table)
    console.rule(ODD)
    assert console.file.getvalue().count(ODD) == 5


def test_the_commands_print_a_folder_with_brackets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    command = Commands(monkeypatch, capsys)
    run = tmp_path / "S [/b]x"
    trained = command(
        train.main, *SMALL, "recipe.epochs=1", "recipe.milestones=[]", "distiller=plain", f"hydra.run.dir='{run}'"
    )
    assert trained.code == 0, trained.error
    assert str(run) in trained.out
    checkpoint = f"checkpoint='{run / 'student.pt'}'"
    data = [each for each in SMALL if each.startswith("data")]
    assert command(evaluate.main, checkpoint, *data).code == 0
    missing = command(evaluate.main, f"checkpoint='{run / 'none.pt'}'", *data)
    assert str(run / "none.pt") in missing.error
    told = command(report.main, f"directory='{run}'")
    assert told.code == 0, told.error
    assert str(run / "report") in told.out
