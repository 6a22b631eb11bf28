"""What weights depend on, as plain values: the data by what they are, not by where they lie."""

import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, asdict, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from uniads.cache import shared
from uniads.data.base import Data
from uniads.model import checkpoint
from uniads.recipe import Recipe
from uniads.settings.training import TrainingSettings

PLACES = ("root", "folder", "download", "workers")
"""Settings of the data that say where images lie and how they are fetched; their contents stand in place of them."""


def load_data(settings: TrainingSettings) -> Data:
    """The data set; read once a process and shared by its trainings."""
    return shared.get("data", settings.data.key, settings.data, size=4)


def data_facts(settings: TrainingSettings, indifferent: Collection[str] = ()) -> dict[str, Any]:
    """What the images of a training depend on.

    Args:
        settings: of the training.
        indifferent: further settings of the data that do not count.
    """
    own = {name: value for name, value in settings.data.facts.items() if name not in (*PLACES, *indifferent)}
    return {**own, "contents": load_data(settings).contents}


def recipe_facts(recipe: Recipe) -> dict[str, Any]:
    """A recipe with its class, and without what it has by default, so that a new key leaves old facts as they are."""
    plain = {field.name: field.default for field in fields(recipe) if field.default is not MISSING}
    facts = {name: value for name, value in asdict(recipe).items() if name not in plain or value != plain[name]}
    return {"class": f"{type(recipe).__module__}.{type(recipe).__qualname__}", **facts}


def hash_facts(facts: Mapping[str, Any]) -> str:
    """A short hash of plain values."""
    return sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def hash_file(file: Path) -> str:
    """A short hash of a file's contents; read again only when the file has changed.

    Raises:
        MissingFileError: there is no such file.
    """
    if not file.is_file():
        checkpoint.read(file)  # which says so
    changed = (str(file.resolve()), file.stat().st_mtime_ns, file.stat().st_size)
    return shared.get("file", changed, lambda: sha256(file.read_bytes()).hexdigest()[:12], size=8)
