"""What a ledger does not hold, predicted from what it holds."""

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
"""Candidates that it takes to learn anything."""

FIXED = ("params", "flops", "epoch_flops")
"""Numbers that no epoch changes."""


@dataclass(frozen=True)
class Accuracy:
    """How well a number of unseen candidates is predicted, by 5-fold cross-validation.

    Attributes:
        name: of the number; ``rejected`` stands for whether a candidate is rejected inside its training.
        epochs: of the rung.
        n: candidates.
        r2: explained share of the variance, at most 1; of the logarithm where the number is a loss.
        tau: Kendall's rank correlation of prediction and record, -1 to 1.
    """

    name: str
    epochs: int
    n: int
    r2: float
    tau: float


@dataclass(frozen=True)
class Prediction:
    """What a surrogate says of one genome.

    Attributes:
        rejected: whether its training is stopped as hopeless.
        fixed: numbers that no epoch changes.
        trained: for each trained number, its logarithm if it is a loss and itself if not, one entry a recorded rung.
    """

    rejected: bool
    fixed: Mapping[str, float]
    trained: Mapping[str, Sequence[float]]


def hopeless(trial: Trial) -> bool:
    """Whether a trial was stopped inside its training. One that ran to its end and was then thrown out has a loss."""
    return trial.status is Status.REJECTED and "val_loss" not in trial.outcome


class Surrogate:
    """Random forests on the genes of recorded candidates, one for each trained number and rung.

    A loss is learned as its logarithm; between two recorded rungs predictions are interpolated over log(epochs).
    Forests predict means, which are smoother than trainings are. With ``noise`` every genome gets the out-of-bag errors
    of one recorded candidate, drawn by (seed, genome), the same candidate's at all rungs, so that rungs agree as much
    as the recorded ones do. Rejection inside the training is drawn with the probability that a forest of its own gives;
    without noise it happens where that is above one half.

    Numbers that no epoch changes depend on the genes under ``architecture`` alone. They are looked up where these genes
    were recorded; else they follow from a polynomial where one is exact, and from a forest where none is.

    Source: surrogate benchmarks, Eggensperger et al., AAAI 29 (2015).

    Args:
        space: of the recorded genomes.
        trials: recorded ones; failed ones say nothing and are left out.
        names: trained numbers to predict.
        seed: of forests and noise.
        noise: whether to add what the forests can't explain.
        architecture: prefix of the genes that the fixed numbers depend on; all genes where none has it.

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
        self.rungs = sorted({trial.epochs for trial in rows if not hopeless(trial)})
        self._forests = {
            (name, rung): Forest(space, _told(rows, name, rung), seed) for name in names for rung in self.rungs
        }
        self._errors = self._aligned_errors()
        stopped = {trial.genome for trial in rows if hopeless(trial)}
        self._rejected = Forest(space, {trial.genome: float(trial.genome in stopped) for trial in rows}, seed)
        self._fixed = {
            name: Fixed(space, _recorded(rows, name), architecture, seed) for name in FIXED if _recorded(rows, name)
        }
        self._known: dict[Genome, Prediction] = {}

    def reseeded(self, seed: int) -> Self:
        """The same forests with other noise."""
        other = copy(self)
        other.seed, other._known = seed, {}
        return other

    def predict(self, genomes: Sequence[Genome]) -> list[Prediction]:
        """One prediction a genome; it depends on the genome and the seed alone."""
        new = [genome for genome in dict.fromkeys(genomes) if genome not in self._known]
        if new:
            means = {key: forest.predict(new) for key, forest in self._forests.items()}
            chances = self._rejected.predict(new)
            fixed = {name: known.predict(new) for name, known in self._fixed.items()}
            for at, genome in enumerate(new):
                mine = {name: float(numbers[at]) for name, numbers in fixed.items()}
                rejected, trained = self._drawn(genome, chances[at], {key: mean[at] for key, mean in means.items()})
                self._known[genome] = Prediction(rejected, mine, trained)
        return [self._known[genome] for genome in genomes]

    @property
    def origins(self) -> dict[str, str]:
        """Where each number that no epoch changes comes from."""
        return {name: known.origin for name, known in self._fixed.items()}

    def fixed(self, name: str, genome: Genome) -> float:
        """A number of a genome that no epoch changes."""
        return self._fixed[name].predict([genome])[0]

    def numbers(self, prediction: Prediction, epochs: int) -> dict[str, float]:
        """The predicted numbers after so many epochs, marked by ``surrogate``.

        Raises:
            UserError: the ledger has no rung on one side of it.
        """
        if not self.rungs[0] <= epochs <= self.rungs[-1]:
            raise UserError(
                f"the ledger was recorded at {self.rungs} epochs and can't answer for {epochs}; choose rungs between "
                f"{self.rungs[0]} and {self.rungs[-1]}"
            )
        found = dict(prediction.fixed)
        for name, values in prediction.trained.items():
            value = float(np.interp(log(epochs), np.log(self.rungs), values))
            found[name] = exp(value) if _is_loss(name) else value
        return {**found, "surrogate": 1.0}

    def accuracy(self) -> list[Accuracy]:
        """How good the forests are."""
        forests = {**self._forests, ("rejected", self.rungs[0]): self._rejected}
        return [_accuracy(name, rung, forest) for (name, rung), forest in forests.items()]

    def _drawn(
        self, genome: Genome, chance: float, means: Mapping[tuple[str, int], float]
    ) -> tuple[bool, dict[str, tuple[float, ...]]]:
        """Whether a genome is rejected, and its trained numbers at all rungs."""
        rng = Random(f"{self.seed}-{genome}")
        rejected = bool(chance > (rng.random() if self.noise else 0.5))
        errors = rng.choice(self._errors) if self.noise and self._errors else dict.fromkeys(means, 0.0)
        names = dict.fromkeys(name for name, _ in means)
        return rejected, {name: tuple(means[name, rung] + errors[name, rung] for rung in self.rungs) for name in names}

    def _aligned_errors(self) -> list[dict[tuple[str, int], float]]:
        """The out-of-bag errors of each candidate that completed all rungs."""
        errors = {key: forest.errors() for key, forest in self._forests.items()}
        everywhere = set.intersection(*(set(found) for found in errors.values())) if errors else set()
        return [{key: found[genome] for key, found in errors.items()} for genome in sorted(everywhere)]


def _is_loss(name: str) -> bool:
    return name.endswith("loss")


def _told(rows: Sequence[Trial], name: str, rung: int) -> dict[Genome, float]:
    """A trained number at a rung as the forest learns it."""
    told = {row.genome: float(row.outcome[name]) for row in rows if row.epochs == rung and name in row.outcome}
    if len(told) < FEWEST:
        raise UserError(
            f"the ledger has {name!r} of {len(told)} candidates at {rung} epochs, a surrogate needs {FEWEST}; "
            "record more candidates, or with larger quotas"
        )
    return {genome: log(number) if _is_loss(name) else number for genome, number in told.items()}


def _recorded(rows: Sequence[Trial], name: str) -> dict[Genome, float]:
    return {row.genome: float(row.outcome[name]) for row in rows if name in row.outcome}


def _accuracy(name: str, rung: int, forest: Forest) -> Accuracy:
    from scipy.stats import kendalltau

    told, predicted = forest.unseen()
    spread = float(((told - told.mean()) ** 2).sum())
    r2 = 1 - float(((told - predicted) ** 2).sum()) / spread if spread else 1.0
    tau = float(kendalltau(told, predicted).statistic) if spread else 1.0
    return Accuracy(name, rung, len(told), r2, tau)
