"""Tables in three formats."""

import csv
from pathlib import Path

from uniads.report.element.label import shorten_keys
from uniads.report.element.sheet import Sheet, format_cell

SHEET = Sheet("name", "50 % & more", ("a_b", "n"), [("x|y", 1234567), ("$", None)])


def test_every_format_keeps_its_own_signs_out(tmp_path: Path) -> None:
    SHEET.write(tmp_path)
    assert "| x\\|y | 1,234,567 |\n| $ | – |\n" in (tmp_path / "name.md").read_text()
    assert "| --- | ---: |" in (tmp_path / "name.md").read_text()
    latex = (tmp_path / "name.tex").read_text()
    assert "\\caption{50 \\% \\& more}" in latex
    assert "a\\_b & n \\\\" in latex
    assert "\\$ & – \\\\" in latex
    assert "\\begin{tabular}{lr}" in latex
    rows = list(csv.reader((tmp_path / "name.csv").read_text().splitlines()))
    assert rows == [["a_b", "n"], ["x|y", "1234567"], ["$", ""]]


def test_numbers_are_rounded_for_people() -> None:
    cells = [0.123456, 12345.6, 2.5e13, 7, float("nan"), None]
    assert [format_cell(cell) for cell in cells] == ["0.1235", "12,346", "2.5e+13", "7", "–", "–"]


def test_genes_have_short_names_that_differ() -> None:
    keys = [
        "student.blocks.0",
        "transform@distiller.feature.transform.first", "transform@distiller.feature.transform.second",
        "distance@distiller.logits.distance", "distiller.logits.tau", "recipe.lr",
    ]  # fmt: skip
    short = ["blocks 0", "feature transform", "feature transform second", "logits distance", "logits tau", "recipe lr"]
    assert shorten_keys(keys) == short
    assert shorten_keys(["student.a", "distiller.a"]) == ["student.a", "distiller.a"]
