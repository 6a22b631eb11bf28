"""What Hydra notes in a run directory before a command begins: kept, where the command refuses the directory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

PLACES = ("hydra.run.dir", "hydra.sweep.dir")
"""Keys by which a command is given a directory that may be there already."""


def read_notes(arguments: Sequence[str]) -> dict[Path, bytes]:
    """The notes in the directories that a command line names, before Hydra writes its own over them."""
    found: dict[Path, bytes] = {}
    for argument in arguments:
        if argument.startswith(PLACES):
            with suppress(HydraException, OSError, ValueError):
                (override,) = OverridesParser.create().parse_overrides([argument])
                place = Path(str(override.value())).absolute()
                folders = [place, *(path for path in place.iterdir() if path.is_dir())] if place.is_dir() else []
                found |= {file: file.read_bytes() for folder in folders for file in _list_notes(folder)}
    return found


def restore_notes(directory: Path, before: Mapping[Path, bytes]) -> None:
    """Give a directory the notes back that it had; those that are new go.

    Args:
        directory: of a command that was refused.
        before: from ``read_notes``.
    """
    directory = directory.absolute()
    for file in list(_list_notes(directory)):
        if file not in before:
            file.unlink()
        elif file.read_bytes() != before[file]:
            file.write_bytes(before[file])
    with suppress(OSError):  # it is there, or not empty
        (directory / ".hydra").rmdir()
    with suppress(OSError):
        directory.rmdir()


def _list_notes(directory: Path) -> Iterator[Path]:
    yield from (directory / ".hydra").glob("*.yaml")
    yield from directory.glob("*.log")
