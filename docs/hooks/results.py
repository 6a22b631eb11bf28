"""Turns ``<!-- results NAME: column, column -->`` in a page into the table that ``benchmarks/results/NAME.json`` holds.

``<!-- results NAME.key: ... -->`` takes the list under another key than ``rows``; without columns all are shown.
``<!-- results NAME where column=value: ... -->`` keeps some rows.
"""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
MARK = re.compile(
    r"<!-- results (?P<name>\w+)(?:\.(?P<key>\w+))?"
    r"(?: where (?P<column>[^=]+)=(?P<value>[^:]+))?(?:: (?P<columns>.*?))? -->"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pictures that lie beside the numbers."""
    for picture in sorted(RESULTS.glob("*.png")):
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the tables of a page."""
    del page, config, files
    return MARK.sub(table, markdown)


def table(found: re.Match[str]) -> str:
    """A table with the command that made it, its seeds, n, machine and versions."""
    result = json.loads((RESULTS / f"{found['name']}.json").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = result[found["key"] or "rows"]
    if found["column"]:
        rows = [row for row in rows if str(row.get(found["column"])) == found["value"]]
    if not rows:
        raise LookupError(f"{found[0]} names no row")
    columns = (
        found["columns"].split(", ") if found["columns"] else list(dict.fromkeys(key for row in rows for key in row))
    )
    lines = [" | ".join(columns), " | ".join("---" if column == columns[0] else "---:" for column in columns)]
    lines += [" | ".join(spell(row.get(column)) for column in columns) for row in rows]
    return "\n".join([*(f"| {line} |" for line in lines), "", origin(found["name"], result)])


def origin(name: str, result: dict[str, Any]) -> str:
    """Where the numbers come from, in a sentence."""
    machine, versions = result["machine"], result["versions"]
    commands = " and ".join(f"`{command}`" for command in result["command"].split("; "))
    counts = [f"{result[key]} {key}" for key in ("repeats", "threads") if key in result]
    return (
        f"*{commands}; {', '.join(counts)}; seed {result['seed']}; "
        f"{machine['cores']} cores of an {machine['cpu']} machine; "
        f"Python {versions['python']}, torch {versions['torch']}. All of it: `benchmarks/results/{name}.json`.*"
    )


def spell(value: Any) -> str:
    """A cell."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value).replace("|", "\\|")
