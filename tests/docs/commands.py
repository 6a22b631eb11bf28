"""The command lines that the project's texts tell a reader to type."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

ROOT = Path(__file__).resolve().parents[2]
TEXTS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "ledgers" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)
START = r"(?:[A-Z]+=\S+ )*(?:python -m uniads\b|make [a-z]+\b|uniads [a-z]+\b)"
FENCE = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(rf"^    +({START}(?:.*\\\n)*.*)$", re.MULTILINE)
SPAN = re.compile(rf"(?<!`)`({START}[^`]*)`(?!`)")
BLOCK = re.compile(rf"^ *({START}(?:.*\\\n)*.*)$", re.MULTILINE)
COMMENT = re.compile(rf"^# ({START}.*)$", re.MULTILINE)
PLACEHOLDER = re.compile(r"(?<![\w.])[A-Z]{3,}(?![\w.])|\.\.\.")


@dataclass(frozen=True)
class Command:
    """A command line and the file that shows it.

    Attributes:
        file: relative to the repository.
        words: as a shell splits them, from the program on.
        environment: variables that stand before the program.
    """

    file: str
    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The command line."""
        return " ".join([*(f"{name}={value}" for name, value in self.environment), shlex.join(self.words)])

    @property
    def module(self) -> str:
        """What follows ``python -m``; empty for another program."""
        return self.words[2] if self.words[:2] == ("python", "-m") else ""

    @property
    def name(self) -> str:
        """Of a command of this package, such as ``search``; empty for anything else."""
        if self.words[0] == "uniads":
            return self.words[1]
        package, _, name = self.module.partition(".")
        return name if package == "uniads" and "." not in name else ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows the command's name."""
        return self.words[2:] if self.words[0] in ("uniads", "make") else self.words[3:]

    @property
    def overrides(self) -> list[str]:
        """The arguments that are no flags of Hydra's, nor a flag's value."""
        flags = {"-m", "--help", "--version"}
        kept = [word for word in self.arguments if word not in flags]
        for flag in ("--cfg", "--config-dir"):
            if flag in kept:
                position = kept.index(flag)
                del kept[position : position + 2]
        return kept

    @property
    def config_dir(self) -> str:
        """The folder with options of a reader's own; empty for none."""
        words = list(self.arguments)
        return words[words.index("--config-dir") + 1] if "--config-dir" in words else ""

    @property
    def jobs(self) -> list[list[str]]:
        """The overrides of each job: more than one with ``-m``."""
        if "-m" not in self.arguments:
            return [self.overrides]
        parsed = OverridesParser.create().parse_overrides(self.overrides)
        values = [
            [f"{each.get_key_element()}={value}" for value in each.sweep_string_iterator()]
            if each.is_sweep_override()
            else [each.input_line or ""]
            for each in parsed
        ]
        return [list(job) for job in product(*values)]

    @property
    def placeholders(self) -> set[str]:
        """What a reader has to replace."""
        return {found for word in self.arguments for found in PLACEHOLDER.findall(word)}


@cache
def commands() -> tuple[Command, ...]:
    """Every command line, in the order of the files; a file's copies are left out."""
    found = [_command(file, line) for file in TEXTS for line in _shown(file)]
    for file in sorted((ROOT / "conf").rglob("*.yaml")):
        lines = COMMENT.findall(file.read_text(encoding="utf-8"))
        found += [_command(file, line) for line in lines]
    return tuple(dict.fromkeys(found))


def _shown(file: Path) -> Iterator[str]:
    text = file.read_text(encoding="utf-8")
    for block in FENCE.findall(text):
        yield from BLOCK.findall(block)
    rest = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from [*INDENTED.findall(rest), *SPAN.findall(rest)]


def _command(file: Path, line: str) -> Command:
    words = shlex.split(line.replace("\\\n", " "), comments=True)
    program = next(position for position, word in enumerate(words) if not re.match(r"[A-Z]+=", word))
    variables = tuple((name, value) for name, _, value in (word.partition("=") for word in words[:program]))
    return Command(file.relative_to(ROOT).as_posix(), tuple(words[program:]), variables)
