"""Which files of a folder count: hidden ones never, all others are read or said, each once, in one order."""

import os
from pathlib import Path

import pytest

from uniads.data.walk import find_images, subfolders
from uniads.notice import listening

ENDINGS = (".png", ".jpg")


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Ten images of each of two classes."""
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for number in range(10):
            (tmp_path / name / f"{number}.png").touch()
    return tmp_path


def found(part: Path) -> list[str]:
    return [str(Path(path).relative_to(part)) for path, _ in find_images(part, ["ant", "bee"], ENDINGS)]


def test_what_systems_and_editors_leave_behind_is_passed_over(part: Path) -> None:
    before = found(part)
    for name in (".ipynb_checkpoints", "__MACOSX", ".git"):
        (part / "ant" / name).mkdir()
        (part / "ant" / name / "3.png").touch()
        (part / name).mkdir(exist_ok=True)
    for name in ("._x.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.jpg"):
        (part / "ant" / name).touch()
        (part / name).touch()
    heard: list[str] = []
    with listening(heard.append):
        assert found(part) == before
    assert len(before) == 20
    assert subfolders(part) == ("ant", "bee")
    assert not heard


def test_files_that_are_not_read_are_said_once_with_their_number(part: Path) -> None:
    for name in ("ant/a.gif", "ant/b.GIF", "bee/c.jfif", "bee/notes.txt", "bee/README", "loose.png"):
        (part / name).touch()
    heard: list[str] = []
    with listening(heard.append):
        assert len(found(part)) == len(found(part)) == 20
    (sentence,) = heard
    counts = "2 .gif, 1 .jfif, 1 .png in no class, 1 .txt, 1 without an ending"
    assert f"{part} holds files that are not read: {counts}; images end in .png, .jpg" in sentence


def test_the_case_of_an_ending_does_not_matter(part: Path) -> None:
    for name in ("x.PNG", "y.Jpg"):
        (part / "bee" / name).touch()
    assert found(part)[-2:] == ["bee/x.PNG", "bee/y.Jpg"]


def test_the_order_is_by_class_folder_and_name(part: Path) -> None:
    for folder in ("z", "a", "a/b"):
        (part / "ant" / folder).mkdir(exist_ok=True)
        (part / "ant" / folder / "1.png").touch()
    assert found(part)[:13] == [*(f"ant/{n}.png" for n in range(10)), "ant/a/1.png", "ant/a/b/1.png", "ant/z/1.png"]


def test_links_that_lead_back_end_and_a_linked_folder_counts_once(
    part: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (part / "ant" / "loop").symlink_to(part / "ant")
    (part / "ant" / "self").symlink_to("self")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.png").touch()
    (part / "bee" / "one").symlink_to(elsewhere)
    (part / "bee" / "two").symlink_to(elsewhere)
    assert len(found(part)) == 21
    assert found(part)[-1] == "bee/one/far.png"


def test_a_pipe_is_no_image(part: Path) -> None:
    os.mkfifo(part / "ant" / "pipe.png")
    assert len(found(part)) == 20
