"""What a search has to show after so many epochs, so that searches of different schedules can be compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import ceil

import numpy as np

from uniads.search import pareto
from uniads.search.algorithm.base import Algorithm
from uniads.search.loop import Result, search
from uniads.search.objective import Measure, Objective
from uniads.search.rejection import Rejection
from uniads.search.schedule import Schedule
from uniads.search.shrink import Shrinkage
from uniads.search.space import Genome
from uniads.search.trial import Status, Trial

GUARD = 100
"""Candidates an epoch at most: ends a search whose trials cost nothing."""


@dataclass(frozen=True)
class Step:
    """What a search would recommend at a moment, judged at the epochs of the judge.

    Attributes:
        epochs: spent by then, each counted once.
        hypervolume: of the recommended candidates.
        loss: of the one that it would pick, in nats; the loss measure's reference where none keeps to the targets.
    """

    epochs: float
    hypervolume: float
    loss: float


def play(
    algorithm: Algorithm,
    schedule: Schedule,
    objective: Objective,
    measures: Sequence[Measure],
    budget: float,
    final: int,
    *,
    rejection: Rejection | None = None,
    shrinkage: Shrinkage | None = None,
    seed: int = 0,
) -> tuple[Result, list[Step]]:
    """Search until the budget is spent, and say what was to be recommended after every batch.

    The recommended candidates are the Pareto front of the most epochs that any candidate has completed by then. They
    are judged by what they are worth after ``final`` epochs, so that a search that trains for few epochs is not judged
    by its own low-budget values. Judging costs nothing.

    Args:
        algorithm: a new one, with the space.
        schedule: its rungs.
        objective: answers trials, also at ``final`` epochs.
        measures: what is minimised, the loss first.
        budget: epochs; the last generation may go beyond, and its steps are left out there.
        final: epochs at which recommendations are judged.
        rejection: as in ``search``.
        shrinkage: as in ``search``.
        seed: as in ``search``.
    """
    result = search(
        algorithm.space, objective, algorithm, schedule, measures=measures, candidates=ceil(budget) * GUARD,
        max_epochs=budget, max_failures=1.0, rejection=rejection, shrinkage=shrinkage, seed=seed,
    )  # fmt: skip
    judge = _Judge(objective, tuple(measures), final)
    return result, [step for step in _steps(result, judge) if step.epochs <= budget]


def _steps(result: Result, judge: "_Judge") -> Iterator[Step]:
    spent = 0.0
    seen: dict[int, list[Trial]] = {}
    for _, batch in groupby(result.trials, key=lambda trial: (trial.generation, trial.rung)):
        for trial in batch:
            spent += trial.epochs_spent
            if trial.status is Status.COMPLETED:
                seen.setdefault(trial.epochs, []).append(trial)
        highest = seen[max(seen)] if seen else []
        yield Step(spent, *judge(highest))


class _Judge:
    """Recommends candidates, and looks up what they are worth."""

    def __init__(self, objective: Objective, measures: tuple[Measure, ...], final: int) -> None:
        self.objective, self.measures, self.final = objective, measures, final
        self._known: dict[Genome, Mapping[str, float] | None] = {}

    def __call__(self, trials: Sequence[Trial]) -> tuple[float, float]:
        """Hypervolume of what is recommended of these trials of one rung, and the loss of the pick."""
        measures = self.measures
        if not trials:
            return 0.0, measures[0].reference
        result = Result(tuple(trials), measures, trials[0].rung)
        told = [self._outcome(trial) for trial in result.front]
        values = [tuple(measure(numbers) for measure in measures) for numbers in told if numbers]
        volume = pareto.hypervolume(values, tuple(measure.reference for measure in measures))
        best = result.best
        numbers = self._outcome(best) if best else None
        if not numbers or any(m.target is not None and m.number(numbers) > m.target for m in measures):
            return volume, measures[0].reference
        return volume, min(measures[0](numbers), measures[0].reference)

    def _outcome(self, trial: Trial) -> Mapping[str, float] | None:
        """The numbers of a candidate after the final epochs; None where its training ends before."""
        if trial.epochs == self.final:
            return trial.outcome
        if trial.genome not in self._known:
            (told,) = self.objective([replace(trial, epochs=self.final, status=Status.PENDING, outcome={}, values=())])
            self._known[trial.genome] = told.outcome if told.status is Status.COMPLETED else None
        return self._known[trial.genome]


def curve(steps: Sequence[Step], name: str, grid: Sequence[float] | np.ndarray, before: float) -> np.ndarray:
    """A step function on a grid of epochs: the last step's number, and ``before`` before the first step."""
    values = [before, *(float(getattr(step, name)) for step in steps)]
    at = np.searchsorted([step.epochs for step in steps], grid, side="right")
    return np.array(values)[at]
