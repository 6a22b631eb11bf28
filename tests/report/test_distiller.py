"""The table of distillers has a row for each, and stands between its marks."""

import sys
from pathlib import Path

import pytest

from uniads import options
from uniads.report import distiller


@pytest.mark.slow
def test_every_distiller_has_one_row_and_the_rest_of_the_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"before\n{distiller.BEGIN}\nold\n{distiller.END}\nafter\n")
    monkeypatch.setattr(sys, "argv", ["distiller", str(file)])
    distiller.main()
    once = file.read_text()
    assert once.startswith(f"before\n{distiller.BEGIN}\n| method |")
    assert once.endswith(f" |\n{distiller.END}\nafter\n")
    rows = {line.split("`")[1]: line for line in once.splitlines() if line.startswith("| `")}
    assert list(rows) == list(options("distiller"))
    assert "10,233,632" in rows["semckd"]
    assert "arXiv:1910.10699" in rows["crd"]
    assert rows["sp"].endswith("| 0 | arXiv:1907.09682, arXiv:1910.10699 | nodes |")
    assert "| a module |" in rows["cc"]
    assert "| task 0.1, logits 0.9 | 0 |" in rows["kd"]


def test_a_file_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="the file needs the marks"):
        distiller.insert_table(f"{distiller.END} {distiller.BEGIN}")
