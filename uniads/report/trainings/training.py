"""Trainings that have ended, read from their directories."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from uniads.error import UserError
from uniads.outcome import OUTCOME
from uniads.report.literature import find_accuracies

LARGEST = 2**63
"""Whole numbers of a training are below it."""

IGNORED_SETTINGS = ("seed", "paths", "logger", "callback", "threads", "debug")
"""Parts of a configuration that may differ within a mean: the seed, and what leaves the numbers alone."""

ALTERING_OVERRIDES = (
    "student", "model@", "teacher.model", "distiller.", "transform@", "distance@", "node@", "kd=", "recipe.", "epochs",
    "stop_epoch", "data.fraction", "assistant", "teacher.stop_epoch",
)  # fmt: skip
"""What overrides begin with that make a training another one than the published."""


@dataclass(frozen=True)
class Training:
    """One training that has ended.

    Attributes:
        data: option of the data set.
        pair: teacher and student.
        method: option of the distiller, and of what is added to it.
        recipe: option of the recipe.
        seed: of the student's weights.
        settings: its configuration by dotted key, without what may differ within a mean.
        outcome: its ``outcome.json``.
        alterations: overrides that changed the networks, the method or the length, so that no published number is of
            the same thing.
    """

    data: str
    pair: str
    method: str
    recipe: str
    seed: int
    settings: Mapping[str, str]
    outcome: Mapping[str, Any]
    alterations: tuple[str, ...] = ()

    @property
    def published(self) -> dict[str, float]:
        """Published accuracies (%) of the same method and pair on the same data, by source."""
        return {} if self.alterations else find_accuracies(self.data, self.method, self.pair)


def read_trainings(directory: Path) -> list[Training]:
    """The trainings under a directory; those that were stopped as hopeless are left out.

    Raises:
        UserError: there is none, or a file of one can't be read.
    """
    files = sorted(file for file in directory.rglob(OUTCOME) if (file.parent / ".hydra/hydra.yaml").exists())
    ended = [training for training in map(_read_training, files) if not training.outcome.get("rejected")]
    if not ended:
        searches = sorted(str(file.parent) for file in directory.rglob("ledger.jsonl"))
        hint = f"; there is a search: add directory={searches[-1]}" if searches else ""
        raise UserError(
            f"{directory} holds neither a ledger.jsonl nor the outcome.json of a training{hint}. Trainings are made "
            "by python -m uniads.train -m +pair=... seed=0,1,2 distiller=kd,plain"
        )
    return ended


def group_trainings(trainings: Sequence[Training]) -> list[list[Training]]:
    """Trainings that differ in nothing but the seed; of one that was repeated with its seed, the last one stands."""
    groups: dict[Any, dict[int, Training]] = {}
    for training in trainings:
        key = (training.data, training.pair, training.method, tuple(sorted(training.settings.items())))
        groups.setdefault(key, {})[training.seed] = training
    return [
        [group[seed] for seed in sorted(group)] for _, group in sorted(groups.items(), key=lambda item: item[0][:3])
    ]


def _read_training(file: Path) -> Training:
    """The training that left an ``outcome.json``, and beside it what Hydra writes down of a job.

    Raises:
        UserError: one of the files is not as a training leaves it.
    """
    try:
        outcome = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is no JSON: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(outcome, Mapping) or not all(map(_is_result, outcome.values())):
        raise UserError(f"{file} holds something else than the numbers of a training; remove it, or train again")
    try:
        return _build_training(file.parent / ".hydra", outcome)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"{file.parent / '.hydra'} is not what Hydra writes down of a training ({type(error).__name__}: "
            f"{str(error)[:100]}); remove the folder of the training, or train again"
        ) from error


def _is_result(value: object) -> bool:
    """Whether a value may stand in an ``outcome.json``; the factors of a balanced distiller are numbers by name."""
    if isinstance(value, Mapping):
        return not any(isinstance(each, Mapping) for each in value.values()) and all(map(_is_result, value.values()))
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST
    return value is None or whole or isinstance(value, str | float)  # a loss that is no number is one that diverged


def _build_training(notes: Path, outcome: Mapping[str, Any]) -> Training:
    settings, job, overrides = (read_yaml(notes / f"{name}.yaml") for name in ("config", "hydra", "overrides"))
    choices = job["hydra"]["runtime"]["choices"]
    distiller, addition = choices["distiller"], choices.get("also")
    given = (str(override).lstrip("+~") for override in overrides)
    alterations = tuple(override for override in given if override.startswith(ALTERING_OVERRIDES))
    return Training(
        data=choices["data"],
        pair=str(settings["pair"]),
        method=f"{distiller}+{addition}" if addition else distiller,
        recipe=choices["recipe"],
        seed=int(settings["seed"]),
        settings={key: value for key, value in flatten(settings) if _is_read(key, distiller)},
        outcome=outcome,
        alterations=() if distiller == "searched" else alterations,
    )


def _is_read(key: str, distiller: str) -> bool:
    """Whether a setting may change the numbers; a pair says more values than those of this distiller."""
    first, *rest = key.split(".")
    return rest[:1] == [distiller] if first == "published" else first not in IGNORED_SETTINGS


def read_yaml(file: Path) -> Any:
    """What a YAML file holds; interpolations stay as they are written.

    Raises:
        UserError: it is no YAML.
    """
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{file} is no YAML: {str(error).splitlines()[0]}") from error


def flatten(settings: Mapping[Any, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Settings by dotted keys."""
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{prefix}{key}"
        rows += flatten(value, f"{name}.") if isinstance(value, Mapping) and value else [(name, str(value))]
    return rows
