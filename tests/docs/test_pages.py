"""The pages that are written from files name all of them, and no page stands alone."""

import re
import sys
from pathlib import Path
from subprocess import run

import pytest
import yaml

from docs.hooks import inclusions, results
from docs.hooks import options as pages
from uniads.options import conf_dir, options
from uniads.report.distiller import insert_table

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WRITTEN = sorted(file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md"))
TEXTS = {name: (DOCS / name).read_text(encoding="utf-8") for name in WRITTEN}
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def named_in(nav: object) -> list[str]:
    """The pages that a navigation names."""
    if isinstance(nav, str):
        return [nav]
    children = nav.values() if isinstance(nav, dict) else nav
    assert not isinstance(children, (int, float, type(None)))
    return [name for child in children for name in named_in(child)]  # type: ignore[attr-defined]


def test_every_group_has_a_page_with_an_introduction() -> None:
    assert len(pages.groups()) >= 21
    assert sorted(pages.GROUPS) == pages.groups()
    groups = {path.name for path in conf_dir().iterdir() if path.is_dir()}
    assert groups - {"hydra"} == set(pages.GROUPS) - {"hydra/launcher", "recipe/part"}


@pytest.mark.parametrize("group", pages.groups())
def test_a_groups_page_has_each_option_once_with_its_file(group: str) -> None:
    text = "\n".join(pages.group_page(group))
    assert tuple(re.findall(r"^## (\S+) ", text, re.MULTILINE)) == options(group)
    assert tuple(re.findall(r"^\| \[`(\S+)`\]", text, re.MULTILINE)) == options(group)
    for option in options(group):
        assert (conf_dir() / group / f"{option}.yaml").read_text(encoding="utf-8").rstrip() in text


@pytest.mark.parametrize("group", pages.groups())
def test_a_groups_page_describes_each_class_of_ours_once(group: str) -> None:
    text = "\n".join(pages.group_page(group))
    described = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    named = {target for file in (conf_dir() / group).glob("*.yaml") for target in pages.targets(file)}
    assert sorted(described) == sorted(target for target in named if target.startswith("uniads."))


def test_transforms_and_distances_are_summed_up_by_their_formula() -> None:
    for group, sign in (("transform", "T("), ("distance", "D(")):
        rows = re.findall(r"^\| \[`\S+`\]\S+ \| (.*) \|$", "\n".join(pages.group_page(group)), re.MULTILINE)
        assert len(rows) == len(options(group))
        assert sum(sign in row for row in rows) >= 0.8 * len(rows), rows


def test_the_page_of_commands_has_every_root_file() -> None:
    text = "\n".join(pages.commands_page())
    roots = sorted(file.stem for file in conf_dir().glob("*.yaml"))
    assert sorted(pages.COMMANDS) == roots
    for root in roots:
        assert (conf_dir() / f"{root}.yaml").read_text(encoding="utf-8").rstrip() in text


def test_the_navigation_names_every_page_once() -> None:
    named = named_in(CONFIG["nav"])
    assert len(WRITTEN) >= 38
    assert sorted(named) == sorted([*WRITTEN, "reference/commands.md", pages.PAGES])


def test_every_measurement_is_on_a_page_of_evidence() -> None:
    measured = {file.stem for file in results.RESULTS.glob("*.json")}
    evidence = "".join(text for name, text in TEXTS.items() if name.startswith("evidence/"))
    tables = {found["name"] for found in results.MARK.finditer(evidence)}
    pictures = set(re.findall(r"pictures/(compare_\w+)\.png", evidence))
    assert len(measured) >= 13
    assert tables | pictures == measured


def test_a_table_of_results_says_how_it_was_made() -> None:
    found = results.MARK.search("<!-- results step: step, ratio, n -->")
    assert found
    text = results.table(found)
    assert text.startswith("| step | ratio | n |\n| --- | ---: | ---: |\n| plain student, eager | 1 | 9 |")
    assert text.endswith(
        "*`python -m benchmarks.step`; 9 repeats, 2 threads; seed 0; 2 cores of an x86_64 machine; Python 3.11.7, "
        "torch 2.12.1. All of it: `benchmarks/results/step.json`.*"
    )


def test_the_picture_of_the_layers_is_the_one_that_is_checked() -> None:
    picture = inclusions.layers().splitlines()
    assert picture[1].startswith("train   evaluate   compare   sweep")
    assert picture[-2] == "error   entry   notice"
    assert "data   model   transform   distance" in inclusions.layers()


def test_every_example_is_on_a_page() -> None:
    shown = {file for text in TEXTS.values() for name in inclusions.EXAMPLE.findall(text)
             for file in inclusions.example_files(name)}  # fmt: skip
    there = {file for suffix in (".py", ".yaml") for file in inclusions.EXAMPLES.rglob(f"*{suffix}")}
    assert len(shown) >= 11
    assert there <= shown


def test_nothing_is_fetched_by_a_reader() -> None:
    assert CONFIG["theme"]["font"] is False
    assert not {"extra_javascript", "extra_templates"} & CONFIG.keys()
    assert "offline" not in CONFIG["plugins"]


@pytest.mark.slow
def test_the_table_of_methods_is_as_the_distillers_are() -> None:
    text = TEXTS["howto/methods.md"]
    assert insert_table(text) == text


@pytest.mark.slow
def test_the_pages_are_built_without_a_warning_and_can_be_searched(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    made = {
        file.relative_to(tmp_path).as_posix(): file.read_text(encoding="utf-8") for file in tmp_path.rglob("*.html")
    }
    assert len(made) >= 60
    for name, text in made.items():
        assert not re.search(r'<(?:script|link rel="stylesheet"|img)[^>]*(?:src|href)="(?:https?:)?//', text), name
    index = (tmp_path / "search" / "search_index.json").read_text(encoding="utf-8")
    assert all(word in index for word in ("spatial attention", "search.warm_start", "SearchSpace", "ledger.jsonl"))
