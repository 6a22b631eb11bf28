"""Whether a training's directory is its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uniads.error import DirectoryError, UserError
from uniads.learner.kept import IDENTITY, read_kept
from uniads.model.checkpoint import OWN, read
from uniads.settings.training import TrainingSettings
from uniads.training.identity import describe_differences, identify_training

LAST, STUDENTS = "last.ckpt", ("student.pt", "student_best.pt")
"""What a training leaves: the checkpoint that it goes on from, and what it exports."""

MEND = "give this one a directory of its own with hydra.run.dir=DIR"


def check_directory(settings: TrainingSettings) -> None:
    """Refuse a directory that holds another training, before anything is trained and without changing it.

    Files that can't be read count as missing.

    Raises:
        DirectoryError: it holds another training, or this one at a later epoch than ``stop_epoch``.
    """
    if reason := find_other(settings.directory, identify_training(settings), settings.stop_epoch):
        raise DirectoryError(f"{settings.directory} {reason}; {MEND}")


def find_other(directory: Path, identity: Mapping[str, Any], stop_epoch: int) -> str:
    """What speaks against going on with a directory; empty where nothing does.

    Args:
        directory: of a training, or none yet.
        identity: of the training that asks.
        stop_epoch: where that one will stop.
    """
    for name in (LAST, *STUDENTS):
        if (directory / name).exists():
            facts, epochs = _read_facts(directory / name)
            if facts is None:
                continue
            recorded = facts.get(IDENTITY)
            if not isinstance(recorded, Mapping):
                return f"holds a {name} that does not say which training it is of, such as one of an earlier version"
            if difference := describe_differences(recorded, identity):
                return f"holds another training ({difference})"
            if epochs > stop_epoch:
                return f"holds this training at epoch {epochs} already, later than stop_epoch={stop_epoch}"
    return ""


def _read_facts(file: Path) -> tuple[Mapping[str, Any] | None, int]:
    """The facts in a file and the epochs trained; None for a file that can't be read."""
    try:
        if file.name == LAST:
            content = read_kept(file)
            return content[OWN], content["epochs"]
        facts = read(file)
    except UserError:
        return None, 0
    return facts, facts["epochs"] if isinstance(facts.get("epochs"), int) else 0
