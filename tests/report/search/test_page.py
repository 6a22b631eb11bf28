"""The report on one search."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.recorded import Recorded
from uniads.report.element import html
from uniads.report.search.page import build_sections, write_report
from uniads.search import Ledger
from uniads.search.account import Account, fingerprint

FIGURES = ("curve", "frequency", "importance", "pareto", "rank", "shrinkage")
SHEETS = ("cost", "curve", "frequency", "front", "importance", "rank", "shrinkage", "summary")


@pytest.mark.slow
def test_a_report_needs_no_other_file_and_comes_out_the_same_again(recorded: Recorded) -> None:
    page = write_report(recorded.directory)
    text = page.read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(sources) >= 2 * len(FIGURES)
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    assert not re.search(r"@import|url\((?!#)|<script|<link", text)
    files = page.parent / "report"
    for name in FIGURES:
        assert (files / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (files / f"{name}.svg").read_bytes()
    for name in SHEETS:
        assert all((files / f"{name}.{kind}").stat().st_size > 0 for kind in ("csv", "md", "tex")), name
    first = {file: file.read_bytes() for file in [page, *files.iterdir()]}
    assert write_report(recorded.directory) == page
    assert {file: file.read_bytes() for file in [page, *files.iterdir()]} == first
    assert "a factor of" in text
    assert str(recorded.result.best.candidate if recorded.result.best else None) in text


def test_a_search_in_which_nothing_was_completed_says_so(account: Account, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", fingerprint(account.space, account.result.measures))
    for trial in account.result.trials[:3]:
        ledger.append(replace(trial, status=trial.failed("x").status, values=(), outcome={}, reason="OSError: no disk"))
    ledger.close()
    text = write_report(tmp_path).read_text()
    assert "No trial was completed, so there is no front." in text
    assert "3 × OSError: no disk" in text


def test_a_search_that_has_not_reached_its_top_rung_is_reported(account: Account, tmp_path: Path) -> None:
    early = replace(account, result=replace(account.result, trials=tuple(account.result.at(0)[:4])))
    found = {section.name: section for section in build_sections(early, None)}
    assert "No candidate was completed at the top rung yet." in found["best"].notes
    assert "curve" not in found
    html.write_page("early", list(found.values()), tmp_path)


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no ledger at"):
        write_report(tmp_path)
