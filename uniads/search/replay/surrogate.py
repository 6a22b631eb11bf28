"""Predicts the outcomes of candidates that a ledger does not hold from those that it holds."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from math import exp, log
from random import Random

import numpy as np
from typing_extensions import Self

from uniads.error import UserError
from uniads.search.replay.fixed import Fixed
from uniads.search.replay.forest import Forest
from uniads.search.space import Genome, SearchSpace
from uniads.search.trial import Status, Trial

FEWEST = 20
"""Fewest candidates from which a forest learns."""

FIXED = ("params", "flops", "epoch_flops")
"""Numbers that do not depend on training."""


@dataclass(frozen=True)
class Accuracy:
    """How well a number of unseen candidates is predicted, by 5-fold cross-validation.

    Attributes:
        name: name of the number; ``rejected`` means whether a candidate is rejected during its training.
        epochs: epochs at the rung.
        n: number of candidates.
        r2: explained share of the variance, at most 1; of a loss, that of its logarithm.
        kendall_tau: Kendall's rank correlation of prediction and record, -1 to 1.
    """

    name: str
    epochs: int
    n: int
    r2: float
    kendall_tau: float


@dataclass(frozen=True)
class Prediction:
    """What a surrogate predicts for one genome.

    Attributes:
        rejected: whether its training is stopped as hopeless.
        fixed: numbers that do not depend on training.
        trained: for each trained number one entry for each recorded rung; of a loss, its logarithm.
    """

    rejected: bool
    fixed: Mapping[str, float]
    trained: Mapping[str, Sequence[float]]


def is_hopeless(trial: Trial) -> bool:
    """Whether a trial was stopped during its training. A trial that was rejected after its training has a loss."""
    return trial.status is Status.REJECTED and "val_loss" not in trial.outcome


class Surrogate:
    """Random forests on the genes of recorded candidates, one for each trained number and rung.

    A loss is learned as its logarithm. Between two recorded rungs, predictions are interpolated over log(epochs).
    Forests predict means, which vary less than trainings do. With ``noise``, the out-of-bag errors of one recorded
    candidate are added to the predictions for a genome. The candidate is drawn by (seed, genome) and is the same at all
    rungs, so that predicted rungs correlate as recorded ones do. A further forest predicts the probability that a
    candidate is rejected during its training. With noise the rejection is drawn, without noise it takes more than 1/2.

    Numbers that do not depend on training are predicted from the genes under ``architecture`` alone; see ``Fixed``.

    Source: surrogate benchmarks, Eggensperger et al., AAAI 29 (2015).

    Args:
        space: space of the recorded genomes.
        trials: recorded trials; failed ones are left out.
        names: trained numbers to predict.
        seed: seed of the forests and the noise.
        noise: whether to add recorded errors to the predictions.
        architecture: prefix of the keys of the architecture's genes; if no key has it, all genes count.

    Raises:
        UserError: fewer than 20 candidates have a trained number at a rung.
    """

    def __init__(
        self,
        space: SearchSpace,
        trials: Iterable[Trial],
        names: Sequence[str] = ("val_loss",),
        seed: int = 0,
        noise: bool = True,
        architecture: str = "student.",
    ) -> None:
        rows = [trial for trial in trials if trial.status is not Status.FAILED]
        if not rows:
            raise UserError("the ledger holds no trial to learn from")
        self.seed, self.noise = seed, noise
        self.rungs = sorted({trial.epochs for trial in rows if not is_hopeless(trial)})
        self._forests = {
            (name, rung): Forest(space, _training_data(rows, name, rung), seed) for name in names for rung in self.rungs
        }
        self._errors = self._collect_errors()
        stopped = {trial.genome for trial in rows if is_hopeless(trial)}
        self._rejected = Forest(space, {trial.genome: float(trial.genome in stopped) for trial in rows}, seed)
        recorded = {name: _recorded_numbers(rows, name) for name in FIXED}
        self._fixed = {name: Fixed(space, numbers, architecture, seed) for name, numbers in recorded.items() if numbers}
        self._known: dict[Genome, Prediction] = {}

    def reseed(self, seed: int) -> Self:
        """A surrogate with the same forests and other noise."""
        other = copy(self)
        other.seed, other._known = seed, {}
        return other

    def predict(self, genomes: Sequence[Genome]) -> list[Prediction]:
        """A prediction for each genome. It depends on the genome and the seed alone."""
        new = [genome for genome in dict.fromkeys(genomes) if genome not in self._known]
        if new:
            means = {key: forest.predict(new) for key, forest in self._forests.items()}
            chances = self._rejected.predict(new)
            fixed = {name: known.predict(new) for name, known in self._fixed.items()}
            for at, genome in enumerate(new):
                own_fixed = {name: float(numbers[at]) for name, numbers in fixed.items()}
                rejected, trained = self._draw(genome, chances[at], {key: mean[at] for key, mean in means.items()})
                self._known[genome] = Prediction(rejected, own_fixed, trained)
        return [self._known[genome] for genome in genomes]

    @property
    def origins(self) -> dict[str, str]:
        """How each number that does not depend on training is found."""
        return {name: known.origin for name, known in self._fixed.items()}

    def fixed(self, name: str, genome: Genome) -> float:
        """A number of a genome that does not depend on training."""
        return self._fixed[name].predict([genome])[0]

    def numbers(self, prediction: Prediction, epochs: int) -> dict[str, float]:
        """The predicted numbers after some epochs, with the mark ``surrogate: 1.0``.

        Raises:
            UserError: the epochs are fewer than at the lowest recorded rung, or more than at the highest one.
        """
        if not self.rungs[0] <= epochs <= self.rungs[-1]:
            raise UserError(
                f"the ledger was recorded at {self.rungs} epochs and can't answer for {epochs}; choose rungs between "
                f"{self.rungs[0]} and {self.rungs[-1]}"
            )
        numbers = dict(prediction.fixed)
        for name, values in prediction.trained.items():
            value = float(np.interp(log(epochs), np.log(self.rungs), values))
            numbers[name] = exp(value) if _is_loss(name) else value
        return {**numbers, "surrogate": 1.0}

    def accuracy(self) -> list[Accuracy]:
        """The accuracy of each forest."""
        forests = {**self._forests, ("rejected", self.rungs[0]): self._rejected}
        return [_measure_accuracy(name, rung, forest) for (name, rung), forest in forests.items()]

    def _draw(
        self, genome: Genome, chance: float, means: Mapping[tuple[str, int], float]
    ) -> tuple[bool, dict[str, tuple[float, ...]]]:
        """Whether a genome is rejected, and its trained numbers at all rungs."""
        rng = Random(f"{self.seed}-{genome}")
        rejected = bool(chance > (rng.random() if self.noise else 0.5))
        errors = rng.choice(self._errors) if self.noise and self._errors else dict.fromkeys(means, 0.0)
        names = dict.fromkeys(name for name, _ in means)
        return rejected, {name: tuple(means[name, rung] + errors[name, rung] for rung in self.rungs) for name in names}

    def _collect_errors(self) -> list[dict[tuple[str, int], float]]:
        """The out-of-bag errors of each candidate that completed all rungs."""
        errors = {key: forest.errors() for key, forest in self._forests.items()}
        everywhere = set.intersection(*map(set, errors.values())) if errors else set()
        return [{key: of_forest[genome] for key, of_forest in errors.items()} for genome in sorted(everywhere)]


def _is_loss(name: str) -> bool:
    return name.endswith("loss")


def _training_data(rows: Sequence[Trial], name: str, rung: int) -> dict[Genome, float]:
    """The recorded values of a trained number at a rung, as a forest learns them."""
    recorded = {row.genome: float(row.outcome[name]) for row in rows if row.epochs == rung and name in row.outcome}
    if len(recorded) < FEWEST:
        raise UserError(
            f"the ledger has {name!r} of {len(recorded)} candidates at {rung} epochs, a surrogate needs {FEWEST}; "
            "record more candidates, or with larger quotas"
        )
    if _is_loss(name) and min(recorded.values()) <= 0:
        lowest = min(recorded.values())
        raise UserError(
            f"the ledger has {name!r} {lowest:g} at {rung} epochs, and a surrogate learns the logarithm of losses "
            "above 0; record another measure"
        )
    return {genome: log(number) if _is_loss(name) else number for genome, number in recorded.items()}


def _recorded_numbers(rows: Sequence[Trial], name: str) -> dict[Genome, float]:
    return {row.genome: float(row.outcome[name]) for row in rows if name in row.outcome}


def _measure_accuracy(name: str, rung: int, forest: Forest) -> Accuracy:
    from scipy.stats import kendalltau

    recorded, predicted = forest.cross_validate()
    spread = float(((recorded - recorded.mean()) ** 2).sum())
    r2 = 1 - float(((recorded - predicted) ** 2).sum()) / spread if spread else 1.0
    kendall_tau = float(kendalltau(recorded, predicted).statistic) if spread else 1.0
    return Accuracy(name, rung, len(recorded), r2, kendall_tau)
