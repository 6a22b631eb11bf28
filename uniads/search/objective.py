"""An objective evaluates trials; measures say which of the numbers that come back are minimised."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Protocol, SupportsFloat, runtime_checkable

from uniads.error import UserError
from uniads.search.space import Point, SearchSpace
from uniads.search.trial import Trial

ERRORS = (ArithmeticError, AssertionError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
"""Errors of a function of a point that fail one trial. Any other error ends the search."""


@runtime_checkable
class Objective(Protocol):
    """Evaluates a batch of pending trials and yields each one ended, in the order given.

    A trial that can't be evaluated is yielded as failed. An error that the objective raises ends the search.
    """

    def __call__(self, trials: Sequence[Trial]) -> Iterator[Trial]: ...


@dataclass(frozen=True)
class Measure:
    """What the search minimises: outcome[name], or its relative distance |outcome[name] - target| / target.

    Attributes:
        name: a number of the outcome; ``val_err1`` stands for 1 - ``val_acc1``.
        target: the wanted value, above 0; None to minimise the number itself.
        reference: values at or above it add nothing to the hypervolume.
    """

    name: str
    target: float | None = None
    reference: float = 1.0

    def __post_init__(self) -> None:
        if self.target is not None and not self.target > 0:
            raise UserError(f"the target of {self.name!r} must be above 0, got {self.target}")

    def number(self, outcome: Mapping[str, float]) -> float:
        """The number that is measured, before it is compared with a target.

        Raises:
            UserError: the outcome lacks the number.
        """
        if self.name == "val_err1" and "val_acc1" in outcome:
            return 1.0 - outcome["val_acc1"]
        if self.name in outcome:
            return float(outcome[self.name])
        raise UserError(f"the outcome has no {self.name!r}; it has {', '.join(sorted(outcome)) or 'no numbers'}")

    def __call__(self, outcome: Mapping[str, float]) -> float:
        """The value to minimise.

        Raises:
            UserError: the outcome lacks the number, or the value is not finite.
        """
        number = self.number(outcome)
        value = number if self.target is None else abs(number - self.target) / self.target
        if not isfinite(value):
            raise UserError(f"{self.name} is {number}")
        return value


def per_point(space: SearchSpace, function: Callable[[Point, int], Mapping[str, SupportsFloat]]) -> Objective:
    """An objective from a plain function of (point, epochs), such as a lookup in a table.

    An error of one of the kinds in ``ERRORS`` fails one trial.

    Args:
        space: the space that the trials' genomes belong to.
        function: returns the outcome of a point trained for that many epochs in all.
    """

    def objective(trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            try:
                outcome = dict(function(space.point(trial.genome), trial.epochs))
                ended = trial.completed(outcome)
            except ERRORS as error:
                ended = trial.failed(f"{type(error).__name__}: {error}")
            yield ended

    return objective
