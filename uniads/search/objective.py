"""What is evaluated (objective) and what is minimised (measures)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from uniads.search.space import Point, SearchSpace
from uniads.search.trial import Trial


class Objective(Protocol):
    """Evaluates a batch of pending trials and yields them ended, in the order given. It never raises for one trial."""

    def __call__(self, trials: Sequence[Trial]) -> Iterator[Trial]: ...


@dataclass(frozen=True)
class Measure:
    """What the search minimises: outcome[name], or its relative distance |outcome[name] - target| / target.

    Attributes:
        name: a number of the outcome; ``val_err1`` stands for 1 - ``val_acc1``.
        target: the wanted value, above 0; None to minimise the number itself.
        reference: a value so bad that it no longer counts; bounds the hypervolume.
    """

    name: str
    target: float | None = None
    reference: float = 1.0

    def __post_init__(self) -> None:
        if self.target is not None and not self.target > 0:
            raise ValueError(f"the target of {self.name!r} must be above 0, got {self.target}")

    def __call__(self, outcome: Mapping[str, float]) -> float:
        """The value to minimise.

        Raises:
            ValueError: the outcome lacks the number, or it is not finite.
        """
        if self.name == "val_err1" and "val_acc1" in outcome:
            value = 1.0 - outcome["val_acc1"]
        elif self.name in outcome:
            value = float(outcome[self.name])
        else:
            raise ValueError(f"the outcome has no {self.name!r}; it has {', '.join(sorted(outcome)) or 'no numbers'}")
        if not isfinite(value):
            raise ValueError(f"{self.name} is {value}")
        return value if self.target is None else abs(value - self.target) / self.target


def per_point(space: SearchSpace, function: Callable[[Point, int], Mapping[str, float]]) -> Objective:
    """An objective from a plain function of (point, epochs), such as a lookup in a table. An error fails one trial.

    Args:
        space: the space that the trials' genomes belong to.
        function: returns the outcome of a point trained for that many epochs in all.
    """

    def objective(trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            try:
                outcome = function(space.point(trial.genome), trial.epochs)
            except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
                yield trial.failed(f"{type(error).__name__}: {error}")
            else:
                yield trial.completed(outcome)

    return objective
