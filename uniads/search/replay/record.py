"""A recorded ledger as objective: the same search code runs on recorded outcomes, and nothing is trained."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import Self

from uniads.error import UserError
from uniads.search.ledger import read
from uniads.search.objective import Measure
from uniads.search.replay.surrogate import FIXED, Surrogate, hopeless
from uniads.search.space import Genome, Point, SearchSpace, Value
from uniads.search.trial import Status, Trial


@dataclass(frozen=True)
class Record:
    """What a ledger says about a space.

    Attributes:
        space: the recorded one.
        measures: what the recording search minimised, the loss first. For the hypervolume a loss counts up to the
            median of the candidates that completed the highest rung, a size up to twice its target.
        rungs: epochs at which candidates completed, rising.
        trials: all recorded ones.
    """

    space: SearchSpace
    measures: tuple[Measure, ...]
    rungs: tuple[int, ...]
    trials: tuple[Trial, ...]

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read a ledger.

        Raises:
            UserError: there is none, it is damaged, its header names no space or no measures, or nothing completed.
        """
        header, trials = read(path)
        for name in ("space", "measures"):
            if not header.get(name):
                raise UserError(f"the header of {path} names no {name}; that of a ledger of uniads.search does")
        done = [trial for trial in trials if trial.status is Status.COMPLETED]
        if not done:
            raise UserError(f"{path} holds no completed trial, so it can answer nothing")
        rungs = tuple(sorted({trial.epochs for trial in done}))
        top = [trial for trial in done if trial.epochs == rungs[-1]]
        measures = tuple(_measure(spec, position, top) for position, spec in enumerate(header["measures"].values()))
        return cls(SearchSpace(header["space"]), measures, rungs, tuple(trials))

    @property
    def names(self) -> tuple[str, ...]:
        """The trained numbers that the measures need."""
        needed = ("val_acc1" if measure.name == "val_err1" else measure.name for measure in self.measures)
        return tuple(dict.fromkeys(name for name in needed if name not in FIXED))

    def replay(self, space: SearchSpace, measures: Sequence[Measure], seed: int = 0) -> "Replay":
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


def _measure(spec: Mapping[str, Any], position: int, top: Sequence[Trial]) -> Measure:
    name, target = spec["name"], spec["target"]
    if isinstance(target, str):
        # The header says "pair"; how many parameters that is follows from the values |number - target| / target.
        numbers = np.array([Measure(name).number(trial.outcome) for trial in top])
        values = np.array([trial.values[position] for trial in top])
        guesses = np.concatenate([numbers / (1 + values), (numbers / (1 - values))[values < 1]])
        misfit = [abs(abs(numbers / guess - 1) - values).sum() for guess in guesses]
        target = float(guesses[int(np.argmin(misfit))])
    reference = 1.0 if target else float(np.median([trial.values[position] for trial in top]))
    return Measure(name, target, reference)


class Replay:
    """Answers trials from a record. An objective of the search engine.

    A recorded row answers as it came back from the training: one that ran to its end and was then thrown out by the
    recording search's rejection rule is completed, since the replaying search has a rule of its own. What the record
    lacks, the surrogate answers, and its outcome holds ``surrogate: 1.0``.

    Args:
        record: what is known.
        space: of the trials asked; None for the recorded one. It must have the recorded keys, and no other values.
        surrogate: answers what the record lacks; None to fail such a trial.
    """

    def __init__(self, record: Record, space: SearchSpace | None = None, surrogate: Surrogate | None = None) -> None:
        self.record, self.surrogate = record, surrogate
        self.space = space or record.space
        told = [trial for trial in record.trials if trial.status is not Status.FAILED]
        self._rows = {(trial.genome, trial.epochs): trial for trial in told if not hopeless(trial)}
        self._hopeless = {trial.genome: trial for trial in told if hopeless(trial)}
        spent = [trial.epochs_spent for trial in self._hopeless.values()]
        self._spent = float(np.mean(spent)) if spent else 0.0

    def __call__(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        genomes = [self.record.space.genome(self.space.point(trial.genome)) for trial in trials]
        if self.surrogate:
            self.surrogate.predict([g for g, t in zip(genomes, trials, strict=True) if not self._recorded(g, t)])
        for genome, trial in zip(genomes, trials, strict=True):
            yield self._answer(genome, trial)

    def _recorded(self, genome: Genome, trial: Trial) -> bool:
        return genome in self._hopeless or (genome, trial.epochs) in self._rows

    def _answer(self, genome: Genome, trial: Trial) -> Trial:
        if genome in self._hopeless:
            hopeless = self._hopeless[genome]
            return trial.rejected(hopeless.reason, hopeless.outcome, hopeless.seconds)
        if row := self._rows.get((genome, trial.epochs)):
            return trial.completed(row.outcome, row.seconds)
        if self.surrogate is None:
            return trial.failed(
                f"the ledger holds no such candidate at {trial.epochs} epochs, and there is no surrogate"
            )
        (prediction,) = self.surrogate.predict([genome])
        numbers = self.surrogate.numbers(prediction, trial.epochs)
        if not prediction.rejected:
            return trial.completed(numbers)
        known = {name: number for name, number in numbers.items() if name not in self.record.names}
        return trial.rejected("predicted: stopped in training", known | {"epochs": trial.start + self._spent})


def known_students(record: Record, surrogate: Surrogate) -> SearchSpace:
    """The recorded space without students larger than the largest recorded one.

    Nothing is known of these, and the recording search may have had a cap on parameters.
    """
    most = max((trial.outcome["params"] for trial in record.trials if "params" in trial.outcome), default=None)
    if most is None:
        return record.space

    def admits(point: Point) -> bool:
        return surrogate.fixed("params", record.space.genome(point)) <= most

    return SearchSpace(_dimensions(record.space), admits=admits)


def known_candidates(record: Record) -> SearchSpace:
    """The recorded candidates alone: any other genome is repaired to the nearest recorded one that all rungs answer.

    The distance is 1 for a category that differs, and the share of its range for a number. Of equally near candidates
    the one with the lowest genome is taken. A search of this space needs no surrogate.
    """
    told = {(trial.genome, trial.epochs) for trial in record.trials if "val_loss" in trial.outcome}
    stopped = {trial.genome for trial in record.trials if hopeless(trial)}
    whole = sorted({genome for genome, _ in told if all((genome, epochs) in told for epochs in record.rungs)} | stopped)
    ordinal = np.array([dimension.ordinal for dimension in record.space.dimensions])
    scale = np.array([max(len(dimension.values) - 1, 1) for dimension in record.space.dimensions])
    pool = np.array(whole)

    def repair(point: Point) -> Point:
        apart = abs(pool - np.array(record.space.genome(point)))
        distance = np.where(ordinal, apart / scale, apart > 0).sum(axis=1)
        return record.space.point(whole[int(distance.argmin())])

    return SearchSpace(_dimensions(record.space), repair)


def _dimensions(space: SearchSpace) -> dict[str, tuple[Value, ...]]:
    return {dimension.key: dimension.values for dimension in space.dimensions}
