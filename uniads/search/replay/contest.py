"""What a search would recommend after each number of epochs. So searches with different schedules can be compared."""

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
"""Most candidates for each epoch of the budget; it ends a search whose trials cost no epochs."""


@dataclass(frozen=True)
class Step:
    """The worth of what a search would recommend at one moment, after the epochs of the judge.

    Attributes:
        epochs_spent: epochs that the search has spent, each counted once.
        hypervolume: hypervolume of the recommended candidates.
        loss: loss of the candidate that it would choose, in nats; the reference of the loss measure if no candidate is
            within the targets.
    """

    epochs_spent: float
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
    """Search until the budget is spent, and judge what the search would recommend after every batch.

    The recommended candidates are the Pareto front of the highest rung that a candidate has completed by then. They are
    judged by their values after ``final`` epochs, not by those that the search knows after fewer epochs. Judging spends
    no epochs.

    Args:
        algorithm: a new algorithm with the space.
        schedule: the rungs of the search.
        objective: evaluates trials, also at ``final`` epochs.
        measures: what is minimised, the loss first.
        budget: epochs to spend. The last generation may exceed it; steps beyond it are left out.
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
    return result, [step for step in _steps(result, judge) if step.epochs_spent <= budget]


def _steps(result: Result, judge: "_Judge") -> Iterator[Step]:
    spent = 0.0
    completed: dict[int, list[Trial]] = {}
    for _, batch in groupby(result.trials, key=lambda trial: (trial.generation, trial.rung)):
        for trial in batch:
            spent += trial.epochs_spent
            if trial.status is Status.COMPLETED:
                completed.setdefault(trial.epochs, []).append(trial)
        highest = completed[max(completed)] if completed else []
        yield Step(spent, *judge(highest))


class _Judge:
    """Chooses what to recommend, and looks up its values after the final epochs."""

    def __init__(self, objective: Objective, measures: tuple[Measure, ...], final: int) -> None:
        self.objective, self.measures, self.final = objective, measures, final
        self._known: dict[Genome, Mapping[str, float] | None] = {}

    def __call__(self, trials: Sequence[Trial]) -> tuple[float, float]:
        """Hypervolume of the candidates recommended from trials of one rung, and the loss of the chosen one."""
        measures = self.measures
        if not trials:
            return 0.0, measures[0].reference
        result = Result(tuple(trials), measures, trials[0].rung)
        outcomes = [self._outcome(trial) for trial in result.front]
        values = [tuple(measure(numbers) for measure in measures) for numbers in outcomes if numbers]
        volume = pareto.hypervolume(values, tuple(measure.reference for measure in measures))
        best = result.best
        numbers = self._outcome(best) if best else None
        if not numbers or any(m.target is not None and m.number(numbers) > m.target for m in measures):
            return volume, measures[0].reference
        return volume, min(measures[0](numbers), measures[0].reference)

    def _outcome(self, trial: Trial) -> Mapping[str, float] | None:
        """The numbers of a candidate after the final epochs; None if it is rejected or fails before."""
        if trial.epochs == self.final:
            return trial.outcome
        if trial.genome not in self._known:
            (ended,) = self.objective([replace(trial, epochs=self.final, status=Status.PENDING, outcome={}, values=())])
            self._known[trial.genome] = ended.outcome if ended.status is Status.COMPLETED else None
        return self._known[trial.genome]


def curve(steps: Sequence[Step], name: str, grid: Sequence[float] | np.ndarray, before: float) -> np.ndarray:
    """An attribute of the steps as a step function on a grid of epochs; it is ``before`` until the first step."""
    values = [before, *(float(getattr(step, name)) for step in steps)]
    at = np.searchsorted([step.epochs_spent for step in steps], grid, side="right")
    return np.array(values)[at]
