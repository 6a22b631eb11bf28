"""What a search leaves beside its ledger for its report: its teacher, its data, versions, and when it began."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from platform import python_version
from typing import Any

from typing_extensions import Self

FILE = "summary.json"
PACKAGES = ("uniads", "torch")


@dataclass(frozen=True)
class Summary:
    """Facts of a search that its ledger does not hold. None where they are not known.

    Attributes:
        started: when the search began, in ISO 8601.
        data: the data set: its class, its size and the images.
        classes: number of classes.
        val_images: number of validation images.
        teacher: the teacher's network; with assistants those, too, the last one being who teaches.
        teacher_params: its parameters.
        teacher_val_acc1: its top-1 accuracy on the validation split, 0 to 1.
        teacher_file: where its weights are from.
        versions: of the packages, and of Python.
        device: where candidates were trained.
    """

    started: str | None = None
    data: str | None = None
    classes: int | None = None
    val_images: int | None = None
    teacher: str | None = None
    teacher_params: int | None = None
    teacher_val_acc1: float | None = None
    teacher_file: str | None = None
    versions: str | None = None
    device: str | None = None

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The summary in a directory; nothing is known where there is none, or where a value is not of its kind."""
        try:
            content = json.loads((directory / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return cls()
        return cls(**_keep_valid(content)) if isinstance(content, dict) else cls()

    def write(self, directory: Path) -> None:
        """Write it into a directory; when the search began stays as it is there."""
        started = Summary.read(directory).started or datetime.now(timezone.utc).isoformat(timespec="seconds")
        part = directory / f"{FILE}.part"
        part.write_text(json.dumps({**asdict(self), "started": started}, indent=2) + "\n", encoding="utf-8")
        os.replace(part, directory / FILE)

    @property
    def start(self) -> datetime | None:
        """When the search began, in UTC."""
        try:
            return datetime.fromisoformat(self.started).astimezone(timezone.utc) if self.started else None
        except (ValueError, OverflowError):
            return None


def list_versions() -> str:
    """The versions of this package, of torch where it is installed, and of Python."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join([*found, f"python {python_version()}"])


def _keep_valid(content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are known and of their kind."""
    kinds = {
        "classes": int, "val_images": int, "teacher_params": int, "teacher_val_acc1": float, "started": str,
        "data": str, "teacher": str, "teacher_file": str, "versions": str, "device": str,
    }  # fmt: skip
    valid: dict[str, Any] = {}
    for name, kind in kinds.items():
        value = content.get(name)
        if kind is str and isinstance(value, str):
            valid[name] = value[:500]
        elif kind is int and type(value) is int and 0 < value < 10**15:
            valid[name] = value
        elif kind is float and isinstance(value, int | float) and isfinite(value) and 0 <= value <= 1:
            valid[name] = float(value)
    return valid
