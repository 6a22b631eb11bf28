"""What the usual baselines reached, where trainings of them are known: in the ledger, or beside the search."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from uniads.error import UserError
from uniads.report.trainings.training import Training, flatten, read_trainings, read_yaml
from uniads.search.account import Account
from uniads.search.trial import Trial
from uniads.terminal.trial import read_number

BASELINES = ("plain", "kd")
COMPARED = ("data", "recipe", "student", "teacher", "epochs", "stop_epoch")
"""Parts of a configuration that a baseline has in common with the search's."""
FREE = ("data.holdout", "data.seed", "teacher.compile", "teacher.distiller")
"""Keys in them that may differ: a final training has no validation split, and every training its own order."""


@dataclass(frozen=True)
class Baseline:
    """Trainings of the pair's own student with an ordinary method, as long as the search's final training.

    Attributes:
        method: option of the distiller.
        test_acc1: mean accuracy of the last epoch's students on the test set, 0 to 1.
        n: number of seeds.
        holdout: whether a part of the training set was held out, unlike in the final training of a search.
    """

    method: str
    test_acc1: float
    n: int
    holdout: bool


def find_warm_starts(account: Account) -> dict[str, Trial]:
    """Published baselines that were candidates of the search and completed its top rung, by name."""
    trials = account.result.at(account.result.top)
    return {name: trial for name in BASELINES for trial in trials if f"distiller={name}" in trial.overrides}


def describe_weak_teacher(account: Account, acc1: float | None) -> str:
    """A sentence where the pair's own student learned as much without its teacher; empty where not, or not known.

    Both accuracies are on the validation split.

    Args:
        account: of the search.
        acc1: the teacher's top-1 accuracy, 0 to 1.
    """
    alone = [trial for trial in account.result.trials if "distiller=plain" in trial.overrides]
    best = max(alone, key=lambda trial: read_number(trial, "val_acc1") or 0.0, default=None)
    reached = read_number(best, "val_acc1") if best else None
    if acc1 is None or best is None or reached is None or reached < acc1:
        return ""
    return (
        f"this teacher ({acc1:.2%}) is no better than a student without a teacher, which has {reached:.2%} after "
        f"{best.epochs} of its epochs: train it longer with teacher.recipe.epochs, or choose another"
    )


def find_baselines(account: Account) -> list[Baseline]:
    """Finished trainings of the same pair, data and recipe in the output folder that the search is in."""
    directory = account.file.parent.resolve()
    pair, data = account.facts.get("pair"), account.facts.get("data")
    config = directory / ".hydra" / "config.yaml"
    if not isinstance(pair, str) or Path(pair).name != pair or len(directory.parents) < 3 or not config.is_file():
        return []
    own = _read_settings(config)
    found: dict[tuple[str, bool], dict[int, float]] = {}
    for kind in ("train", "multirun"):
        for training in _read_trainings(directory.parents[2] / kind / pair):
            accuracy = training.outcome.get("test_acc1_last")
            alike = (training.pair, training.data) == (pair, data) and _compare(training.settings) == own
            if alike and training.method in BASELINES and isinstance(accuracy, float):
                holdout = training.settings.get("data.holdout") != "False"
                found.setdefault((training.method, holdout), {})[training.seed] = accuracy
    order = sorted(found.items(), key=lambda item: (BASELINES.index(item[0][0]), item[0][1]))
    return [Baseline(method, mean(seeds.values()), len(seeds), holdout) for (method, holdout), seeds in order]


def _read_trainings(directory: Path) -> list[Training]:
    try:
        return read_trainings(directory) if directory.is_dir() else []
    except (UserError, KeyError, TypeError, ValueError):
        return []  # what can't be read is no baseline


def _read_settings(config: Path) -> dict[str, str]:
    try:
        settings: Any = read_yaml(config)
        return _compare(dict(flatten(settings)))
    except (UserError, AttributeError, TypeError):
        return {}


def _compare(settings: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in settings.items() if key.split(".")[0] in COMPARED and not key.startswith(FREE)}
