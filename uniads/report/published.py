"""Published accuracies, each with its source."""

from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf


@cache
def _table() -> dict[str, Any]:
    read = OmegaConf.to_container(OmegaConf.load(Path(__file__).with_suffix(".yaml")))
    assert isinstance(read, dict)
    return {str(name): content for name, content in read.items()}


def published(data: str, method: str, pair: str) -> dict[str, float]:
    """Top-1 test accuracies (%) of a method by short name of the source; none where none is known.

    Only the same data set, method and pair are comparable, and only as far as the recipe is the same.
    """
    found: dict[str, float] = _table()["data"].get(data, {}).get(method, {}).get(pair, {})
    return dict(found)


def source(name: str) -> str:
    """A source in full, from its short name."""
    return str(_table()["sources"][name])
