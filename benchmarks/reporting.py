"""How measurements are shown and kept: a table for the terminal, JSON for everything else."""

import json
import platform
import re
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

from rich.table import Table

from uniads.terminal.console import build_console

PACKAGES = ("uniads", "torch", "pytorch-lightning", "hydra-core", "deap", "numpy")

PLACE = re.compile(r'(?<=[\s="])/[^\s",]+')
"""An absolute path, which means nothing on another machine."""

Row = Mapping[str, str | int | float]


def parser(description: str | None, *, repeats: int, threads: int) -> ArgumentParser:
    """The arguments that every measurement takes."""
    made = ArgumentParser(description=description)
    made.add_argument("--repeats", type=int, default=repeats, help="measurements of each row")
    made.add_argument("--threads", type=int, default=threads, help="CPU threads of torch")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--json", type=Path, help="where to write the numbers")
    return made


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table; their keys are its columns."""
    table = Table(title=title, title_justify="left")
    for position, name in enumerate(rows[0] if rows else ()):
        table.add_column(name, justify="right" if position else "left")
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    build_console().print(table)


def save(module: str, arguments: Namespace, rows: Sequence[Row], **facts: Any) -> None:
    """Write rows to ``--json``, if given, with all it takes to measure them again.

    Args:
        module: the one that measured, as after ``python -m``.
        arguments: its command line.
        rows: what was measured.
        facts: what else a reader must know.
    """
    if arguments.json is None:
        return
    content = {
        "command": shlex.join(["python", "-m", module, *given(sys.argv[1:])]),
        **settings(arguments),
        **facts,
        "machine": {"cpu": platform.machine(), "cores": cpu_count()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "rows": [rounded_row(row) for row in rows],
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(f"{spell(content)}\n", encoding="utf-8")


def spell(content: Mapping[str, Any]) -> str:
    """Content as it stands in a file."""
    return PLACE.sub("DIR", json.dumps(content, indent=2, default=str))


def settings(arguments: Namespace) -> dict[str, Any]:
    """A command line as it stands in the file."""
    return {name: value for name, value in vars(arguments).items() if name != "json"}


def resume(arguments: Namespace, *growing: str) -> dict[str, Any]:
    """What an earlier run wrote to ``--json``, to go on with; nothing where there is no file.

    Args:
        arguments: the command line.
        growing: settings that may be others now.

    Raises:
        SystemExit: another setting was another one: the rows would not belong together.
    """
    if arguments.json is None or not arguments.json.exists():
        return {}
    content: dict[str, Any] = json.loads(arguments.json.read_text(encoding="utf-8"))
    deciding = {
        name: value
        for name, value in settings(arguments).items()
        if name not in growing and not isinstance(value, Path)  # where things lie decides nothing
    }
    for name, value in json.loads(spell(deciding)).items():
        if content.get(name) != value:
            before = content.get(name)
            raise SystemExit(f"{arguments.json} was made with {name}={before}, now it is {value}; use another file")
    return content


def given(arguments: Sequence[str]) -> list[str]:
    """A command line without where the numbers are written to; what it leaves out is among the settings."""
    kept = [argument for argument in arguments if not argument.startswith("--json=")]
    if "--json" in kept:
        place = kept.index("--json")
        del kept[place : place + 2]
    return kept


def rounded_row(row: Row) -> Row:
    """A row as it stands in the file."""
    return {name: rounded(value) for name, value in row.items()}


def rounded(value: str | int | float) -> str | int | float:
    """The value with four significant digits, which is more than any measurement here is good for."""
    return float(f"{value:.4g}") if isinstance(value, float) else value
