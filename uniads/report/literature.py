"""What papers say that methods reach, each number with its source."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def read_literature() -> dict[str, Any]:
    """The whole table: ``sources`` by short name; ``data``: data set, method, pair, then the number by source."""
    content: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return content


def find_accuracies(data: str, method: str, pair: str) -> dict[str, float]:
    """Top-1 test accuracies (%) of a method by short name of the source; none where none is known.

    Only the same data set, method and pair are comparable, and only as far as the recipe is the same.
    """
    found: dict[str, float] = read_literature()["data"].get(data, {}).get(method, {}).get(pair, {})
    return dict(found)


def find_source(name: str) -> str:
    """A source in full, from its short name."""
    return str(read_literature()["sources"][name])
