"""The script that draws the pages' pictures runs, and what it drew is there and small."""

import re
from pathlib import Path

import pytest
from matplotlib.image import imread

from docs import pictures

DOCS = Path(pictures.__file__).parent


@pytest.mark.parametrize("name", [name for name in pictures.PICTURES if name != "importance"])
def test_a_picture_is_drawn(name: str) -> None:
    figure = pictures.PICTURES[name]()
    assert any(axes.has_data() or axes.texts for axes in figure.axes)


@pytest.mark.slow
def test_the_script_writes_all_pictures(tmp_path: Path) -> None:
    pictures.main(tmp_path)
    assert {file.stem for file in tmp_path.glob("*.png")} == set(pictures.PICTURES)
    for file in tmp_path.glob("*.png"):
        assert imread(file).shape[:2] == imread(pictures.FOLDER / file.name).shape[:2]


def test_every_picture_is_small_and_on_a_page() -> None:
    files = sorted(pictures.FOLDER.iterdir())
    assert [file.name for file in files] == sorted(f"{name}.png" for name in pictures.PICTURES)
    assert all(file.stat().st_size < 300_000 for file in files)
    text = "".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    shown = re.findall(r"!\[([^\]]+)\]\((?:\.\./)*pictures/(\w+)\.png\)", text)
    assert {name for _, name in shown} >= set(pictures.PICTURES)
    assert all(len(words) > 30 for words, _ in shown)
