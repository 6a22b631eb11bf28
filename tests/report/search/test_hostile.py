"""Ledgers that someone else wrote: their texts stay texts in every file of a report."""

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.report.search.recording import LOSS, SIZE, record
from uniads.report.element.sheet import Sheet
from uniads.report.search.page import write_report
from uniads.search import Halving, Point
from uniads.search.account import Account
from uniads.terminal.table import write_csv

TEXTS = [
    "</script><script>alert(1)</script>", "=cmd|' /C calc'!A0", "@SUM(1)", "-1+1", r"$\frac{",
    "<img src=x onerror=alert(2)>",
    "half sign", "a\x00b\x1b[31m", "--><!--", "{{7*7}}", "x" * 300, "漢字", "| pipe | `code`", "]]>", "&lt;b&gt;",
]  # fmt: skip
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "nav", "a", "p", "pre", "div"),
    *("table", "caption", "tr", "th", "td", "details", "summary", "img"),
    *("svg", "g", "path", "defs", "use", "clippath", "rect"),
}


class Tags(HTMLParser):
    """The elements of a page, and the names of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names, self.attributes, self.data = set[str](), set[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.data.append(data)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = "k$<b>"

    def evaluate(point: Point, epochs: int) -> dict[str, float]:
        position = TEXTS.index(str(point[key]))
        if position == 0:
            raise ValueError(TEXTS[0])
        return {"val_loss": 1 + position / 10 / epochs, "params": 2000.0 - position, "val_acc1": 0.5}

    directory = tmp_path_factory.mktemp("hostile")
    facts = {"pair": TEXTS[0], "data": TEXTS[4], "version": TEXTS[5], "seed": 3, "overrides": [f"x={TEXTS[0]}"]}
    schedule = Halving([1, 2], [len(TEXTS), 12])
    record(directory, {key: TEXTS, "</title><script>": [1]}, evaluate, (LOSS, SIZE), schedule, len(TEXTS), **facts)
    file = directory / "ledger.jsonl"
    file.write_text(file.read_text().replace("half sign", r"half \ud800 sign"))
    (directory / "summary.json").write_text(
        json.dumps({"teacher": TEXTS[0], "data": TEXTS[5], "teacher_file": TEXTS[1]})
    )
    write_report(directory)
    return directory


def test_a_page_holds_no_element_that_a_ledger_names(hostile: Path) -> None:
    page = Tags((hostile / "report.html").read_text(encoding="utf-8"))
    assert page.names <= ALLOWED, page.names - ALLOWED
    assert not [name for name in page.attributes if name.startswith("on")]
    assert TEXTS[0] in "".join(page.data), "it is shown as it is"


def test_pictures_are_whole_and_hold_no_script(hostile: Path) -> None:
    pictures = list((hostile / "report").glob("*.svg"))
    assert len(pictures) >= 4
    for file in pictures:
        names = {element.tag.rpartition("}")[2] for element in ElementTree.parse(file).iter()}
        assert not names & {"script", "image", "foreignObject", "a"}, file


def test_no_cell_is_a_formula(hostile: Path) -> None:
    write_csv(
        Account.of(hostile / "ledger.jsonl").result.trials, hostile / "report" / "all.csv", command=lambda t: "=1"
    )
    sheets = list((hostile / "report").glob("*.csv"))
    assert len(sheets) >= 6
    for file in sheets:
        for row in csv.reader(file.read_text(encoding="utf-8").splitlines()):
            for cell in row:
                assert not cell.startswith(("=", "@", "+", "\t")), (file, cell)
                assert not cell.startswith("-") or float(cell) < 0, (file, cell)


def test_markdown_and_latex_hold_no_markup(hostile: Path) -> None:
    for file in (hostile / "report").glob("*.md"):
        text = file.read_text(encoding="utf-8")
        assert "<" not in text, file
        tables = [line for line in text.splitlines() if line.startswith("| ")]
        assert len({line.replace(r"\|", "").count("|") for line in tables}) == 1, file
    assert r"\textbackslash{}frac" in (hostile / "report/frequency.tex").read_text(encoding="utf-8")


def test_a_name_can_not_leave_its_folder(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    Sheet("methods_../../x", "t", ("a",), [(1,)]).write(tmp_path / "report")
    assert sorted(file.suffix for file in (tmp_path / "report").iterdir()) == [".csv", ".md", ".tex"]
    assert [file.name for file in tmp_path.iterdir()] == ["report"]
