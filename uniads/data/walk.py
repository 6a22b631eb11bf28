"""Which files of a folder are images of its classes, by stated rules."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from uniads.notice import notify

JUNK = ("thumbs.db", "desktop.ini", "__macosx")
"""What systems put into folders, beside names that begin with a point: ``.DS_Store``, ``._x.png``."""


def is_hidden(name: str) -> bool:
    """Whether a file or folder is none of the user's: its name begins with a point, or a system put it there."""
    return name.startswith(".") or name.lower() in JUNK


def subfolders(folder: Path) -> tuple[str, ...]:
    """Names of the folders in a folder, hidden ones left out, sorted."""
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name)))


def find_images(part: Path, classes: Sequence[str], extensions: Sequence[str]) -> list[tuple[str, int]]:
    """Paths of all images of a part, each with the number of its class.

    Class after class, in each class folder after folder and file after file, by name, so that the order is the same on
    every machine. Folders in a class's folder belong to the class, linked ones too, each of them once. Hidden files
    and folders are passed over; all other files that are no images, and those in no class's folder, are counted in one
    logged sentence.

    Args:
        part: the folder of the classes' folders.
        classes: names of these folders, in the order of their numbers.
        extensions: how names of images end, whatever their case.
    """
    found: list[tuple[str, int]] = []
    strange: Counter[str] = Counter(f"{_ending(entry.name)} in no class" for entry in _files(str(part)))
    for number, name in enumerate(classes):
        for path in _walk(part / name):
            if path.lower().endswith(tuple(extensions)):
                found.append((path, number))
            else:
                strange[_ending(path)] += 1
    if strange:
        counts = ", ".join(f"{count:,} {ending}" for ending, count in sorted(strange.items()))
        _say_once(
            f"{part} holds files that are not read: {counts}; images end in {', '.join(extensions)} and lie in the "
            "folder of their class"
        )
    return found


@cache
def _say_once(sentence: str) -> None:
    notify(sentence)


def _walk(top: Path) -> Iterator[str]:
    """Paths of all files of a folder and of the folders in it, by folder and name."""
    folders, seen, left = [], set(), [str(top)]
    while left:
        folder = left.pop()
        real = os.path.realpath(folder)
        if real in seen or not os.path.isdir(folder):
            continue
        seen.add(real)
        folders.append(folder)
        with os.scandir(folder) as entries:
            inner = [entry.path for entry in entries if _is(entry.is_dir) and not is_hidden(entry.name)]
        left.extend(sorted(inner, reverse=True))
    for folder in sorted(folders):
        yield from sorted(entry.path for entry in _files(folder))


def _files(folder: str) -> list[os.DirEntry[str]]:
    """Entries of a folder that are neither folders nor hidden."""
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not is_hidden(entry.name) and _is_plain(entry)]


def _is_plain(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file, or a link that leads nowhere; a pipe or a device would be read forever."""
    return _is(entry.is_file) or (entry.is_symlink() and not os.path.exists(entry.path))


def _is(test: Callable[[], bool]) -> bool:
    """What a test of an entry says; a link in a circle is nothing."""
    try:
        return test()
    except OSError:
        return False


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower() or "without an ending"
