"""A record as an objective: the same search code runs on recorded outcomes, and nothing is trained."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from uniads.search.replay.surrogate import Surrogate, is_hopeless
from uniads.search.space import Genome, SearchSpace
from uniads.search.trial import Status, Trial

if TYPE_CHECKING:
    from uniads.search.replay.record import Record


class Replay:
    """Answers trials from a record. An objective of the search engine.

    A recorded trial answers as it came back from the training. If it ran to its end and the recording search's
    rejection rule threw it out afterwards, the answer is a completed trial, since the replaying search has a rule of
    its own. What the record lacks is answered by the surrogate; its outcome then holds ``surrogate: 1.0``.

    Args:
        record: the recorded trials.
        space: of the trials to answer; None for the recorded one. It must have the recorded keys, and no other values.
        surrogate: answers what the record lacks; None to fail such a trial.
    """

    def __init__(self, record: "Record", space: SearchSpace | None = None, surrogate: Surrogate | None = None) -> None:
        self.record, self.surrogate = record, surrogate
        self.space = space or record.space
        self._outcomes: dict[tuple[Genome, int], Trial] = {}
        self._hopeless: dict[Genome, Trial] = {}
        for trial in record.trials:
            genome = record.space.repair(trial.genome)
            if is_hopeless(trial):
                self._hopeless[genome] = trial
            elif trial.status is not Status.FAILED:
                self._outcomes[genome, trial.epochs] = trial
        epochs_spent = [trial.epochs_spent for trial in self._hopeless.values()]
        self._mean_epochs_spent = float(np.mean(epochs_spent)) if epochs_spent else 0.0

    def __call__(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        genomes = [self.record.space.genome(self.space.point(trial.genome)) for trial in trials]
        if self.surrogate:
            pairs = zip(genomes, trials, strict=True)
            self.surrogate.predict([genome for genome, trial in pairs if not self._is_recorded(genome, trial)])
        for genome, trial in zip(genomes, trials, strict=True):
            yield self._answer(genome, trial)

    def _is_recorded(self, genome: Genome, trial: Trial) -> bool:
        return genome in self._hopeless or (genome, trial.epochs) in self._outcomes

    def _answer(self, genome: Genome, trial: Trial) -> Trial:
        if genome in self._hopeless:
            recorded = self._hopeless[genome]
            return trial.rejected(recorded.reason, recorded.outcome, recorded.seconds)
        if (genome, trial.epochs) in self._outcomes:
            recorded = self._outcomes[genome, trial.epochs]
            return trial.completed(recorded.outcome, recorded.seconds)
        if self.surrogate is None:
            return trial.failed(
                f"the ledger holds no such candidate at {trial.epochs} epochs, and there is no surrogate"
            )
        (prediction,) = self.surrogate.predict([genome])
        numbers = self.surrogate.numbers(prediction, trial.epochs)
        if not prediction.rejected:
            return trial.completed(numbers)
        fixed = {name: number for name, number in numbers.items() if name not in self.record.names}
        epochs = trial.start + self._mean_epochs_spent
        return trial.rejected("predicted: stopped in training", fixed | {"epochs": epochs})
