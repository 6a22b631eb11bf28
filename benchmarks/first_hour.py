"""python -m benchmarks.first_hour CLONE: what a new user types in the first hour, from the README and the site alone.

Every command of the start pages runs in their order in CLONE, a fresh and empty-handed clone of this repository, as it
is printed. What a reader has to fill in is taken from the commands before: FILE is the newest student, DIR a folder of
pictures. Commands that need CIFAR-100 are left out. A row is one command: its seconds, and whether it ended well; the
last column is the time until the first picture lies there.
"""

import os
import re
import subprocess
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import torch
from torchvision.io import write_png

from benchmarks import reporting

PAGES = ("README.md", "docs/start/install.md", "docs/start/first_search.md", "docs/start/first_training.md")
LAST = "docs/start/own.md"
BLOCK = re.compile(r"^( *)```(sh|python)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
ABSENT = ("data=cifar100", "make test", "pip install")
"""Needs a download, takes long and is measured elsewhere, or would change another environment."""


def list_commands(clone: Path) -> Iterator[tuple[str, str, str]]:
    """Page, language and text of each command, in a reader's order; a block of Python is one."""
    for page in (*PAGES, LAST):
        for _, language, block in BLOCK.findall((clone / page).read_text(encoding="utf-8")):
            for text in [block] if language == "python" else block.strip().splitlines():
                if not any(part in text for part in ABSENT):
                    yield page, language, text.strip()


def fill_in(text: str, clone: Path) -> str:
    """A command with the placeholders of the pages replaced."""
    students = sorted(clone.glob("outputs/train/**/student.pt"), key=lambda file: file.stat().st_mtime)
    text = text.replace("checkpoint=FILE", f"checkpoint={students[-1]}" if students else "checkpoint=FILE")
    return text.replace("data.folder=DIR", f"data.folder={draw_pictures(clone)}") if "folder=DIR" in text else text


def draw_pictures(clone: Path) -> Path:
    """A folder of two classes, dark and bright, as the page on own data asks for."""
    folder = clone / "pictures"
    generator = torch.Generator().manual_seed(0)
    for part, count in (("train", 40), ("test", 10)):
        for label, low in (("dark", 0), ("bright", 128)):
            (folder / part / label).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = torch.randint(low, low + 128, (3, 40, 40), generator=generator, dtype=torch.uint8)
                write_png(pixels, str(folder / part / label / f"{number}.png"))
    return folder


def run(language: str, text: str, clone: Path) -> bool:
    """Run one command in the clone, its environment first on the path once there is one."""
    command = ["python", "-c", text] if language == "python" else ["bash", "-c", fill_in(text, clone)]
    path = f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(command, cwd=clone, env=os.environ | {"PATH": path}, stdin=subprocess.DEVNULL)
    return done.returncode == 0


def main() -> None:
    """Run, print, write."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.set_defaults(seed="each command's own")
    arguments = parser.parse_args()
    clone = arguments.clone.resolve()
    begin, picture = time.time(), float("nan")
    rows: list[reporting.Row] = []
    for page, language, text in list_commands(clone):
        start = time.time()
        well = run(language, text, clone)
        drawn = [file.stat().st_mtime for file in clone.glob("outputs/**/*.png")]
        picture = min(drawn) - begin if drawn else picture
        first = text.splitlines()[0].partition("  #")[0].strip()
        rows.append(
            {"page": page, "command": first, "s": time.time() - start, "well": well, "first picture s": picture}
        )
    reporting.show("the first hour", rows)
    reporting.save("benchmarks.first_hour", arguments, rows)


if __name__ == "__main__":
    main()
