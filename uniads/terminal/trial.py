"""A trial as people read it: its numbers, and what it is among the others."""

from uniads.error import UserError
from uniads.search import Measure, Result, Trial

PREDICTED = "surrogate"
"""The number in an outcome by which a surrogate marks what it made up."""


def read_number(trial: Trial, name: str) -> float | None:
    """A number as it was recorded, or as a measure derives it from what was recorded; None where the trial lacks it."""
    try:
        return trial.outcome[name] if name in trial.outcome else Measure(name).number(trial.outcome)
    except UserError:
        return None


def is_predicted(trial: Trial) -> bool:
    """Whether a surrogate made up the numbers of a trial."""
    return bool(trial.outcome.get(PREDICTED))


def list_marks(result: Result, trial: Trial) -> str:
    """What a trial of the front is: ``best``, ``knee``, ``predicted``."""
    marks = [name for name, point in (("best", result.best), ("knee", result.knee)) if point == trial]
    return " ".join([*marks, *(["predicted"] if is_predicted(trial) else [])])
