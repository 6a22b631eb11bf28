"""A recorded ledger as a source of answers: its space, its measures and its trials."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from typing_extensions import Self

from uniads.error import UserError
from uniads.search.account import Account
from uniads.search.objective import Measure
from uniads.search.replay.replay import Replay
from uniads.search.replay.surrogate import FIXED, Surrogate
from uniads.search.space import SearchSpace
from uniads.search.trial import Status, Trial


@dataclass(frozen=True)
class Record:
    """What a ledger says about a space.

    Attributes:
        space: the recorded one.
        measures: what the recording search minimised, the loss first. Their references bound the hypervolume of a
            comparison: a loss counts up to the median of the candidates that completed the highest rung, a size up to
            twice its target.
        rungs: epochs at which candidates completed, rising.
        trials: all recorded ones but second trainings.
    """

    space: SearchSpace
    measures: tuple[Measure, ...]
    rungs: tuple[int, ...]
    trials: tuple[Trial, ...]

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read a ledger.

        Raises:
            UserError: there is none, or it is damaged, holds no completed trial, or does not say what was searched and
                minimised.
        """
        account = Account.of(path)
        result = account.result
        completed = [trial for trial in result.first if trial.status is Status.COMPLETED]
        if not completed:
            raise UserError(f"{path} holds no completed trial, so it can answer nothing")
        rungs = tuple(sorted({trial.epochs for trial in completed}))
        top = [trial for trial in completed if trial.epochs == rungs[-1]]
        measures = tuple(
            replace(measure, reference=1.0 if measure.target else median(trial.values[position] for trial in top))
            for position, measure in enumerate(result.measures)
        )
        return cls(account.space, measures, rungs, tuple(result.first))

    @property
    def names(self) -> tuple[str, ...]:
        """The trained numbers that the measures need."""
        needed = ("val_acc1" if measure.name == "val_err1" else measure.name for measure in self.measures)
        return tuple(dict.fromkeys(name for name in needed if name not in FIXED))

    def replay(self, space: SearchSpace, measures: Sequence[Measure], seed: int = 0) -> Replay:
        """This record and its surrogate as the objective of a search with a space and measures of its own.

        Raises:
            UserError: a measure needs a number that the recording search did not minimise.
        """
        known = {measure.name for measure in self.measures} | set(FIXED)
        for measure in measures:
            if measure.name not in known:
                raise UserError(f"the ledger can't answer for {measure.name!r}; it can for {', '.join(sorted(known))}")
        return Replay(self, space, self.surrogate(seed))

    def surrogate(self, seed: int = 0, noise: bool = True) -> Surrogate:
        """A surrogate that has learned from this record."""
        return Surrogate(self.space, self.trials, self.names, seed, noise)
