"""Puts code of the repository into pages: ``<!-- example NAME -->`` and ``<!-- layers -->``.

An example is a file of ``examples/``, or a folder of it, all of whose files are shown.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
EXAMPLE = re.compile(r"<!-- example (\S+) -->")
PIPED = re.compile(r"`([^`\n]*\\\|[^`\n]*)`")
"""Code with a pipe in a table, which GitHub and this site's Markdown escape in different ways."""
LAYERS = "<!-- layers -->"
LANGUAGES = {".py": "python", ".yaml": "yaml", ".md": "markdown"}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the code in."""
    del page, config, files
    shown = EXAMPLE.sub(lambda found: "\n\n".join(blocks(found[1])), markdown).replace(LAYERS, layers())
    return PIPED.sub(lambda found: f"<code>{_literal(found[1])}</code>", shown)


def _literal(text: str) -> str:
    """Text of which Markdown reads nothing as its own, an escaped pipe as a pipe."""
    plain = text.replace("\\|", "|")
    return "".join(letter if letter.isalnum() or letter == " " else f"&#{ord(letter)};" for letter in plain)


def blocks(name: str) -> Iterator[str]:
    """An example's files as blocks of code, which the snippets extension fills in."""
    for file in example_files(name):
        title = file.relative_to(ROOT).as_posix()
        yield f'```{LANGUAGES[file.suffix]} title="{title}"\n--8<-- "{title}"\n```'


def example_files(name: str) -> list[Path]:
    """The files of an example; those of a folder with the Python files first.

    Raises:
        FileNotFoundError: there is no such example.
    """
    place = EXAMPLES / name
    if place.is_file():
        return [place]
    files = [file for file in place.rglob("*") if file.suffix in LANGUAGES and "__pycache__" not in file.parts]
    if not files:
        raise FileNotFoundError(f"{place} is named by a page, and holds no file to show")
    return sorted(files, key=lambda file: (file.suffix != ".py", file.as_posix()))


def layers() -> str:
    """The layers of ``pyproject.toml``, top to bottom."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^layers = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert found
    rows = re.findall(r'"(.*?)"', found[1])
    return "\n".join(["```text", *(row.replace(" | ", "   ") for row in rows), "```"])
