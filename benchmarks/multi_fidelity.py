"""Problems whose loss is known only after a training, and the account of the epochs that a searcher spends on them.

Each problem of ``benchmarks.problems`` with rungs at 1, 3 and 9 epochs. One of its two values becomes the loss f(x);
the other one, the cost, is the same at every rung. The loss that a training of point x with seed s shows after e epochs
is

    f(x) + GAP * scale * exp(u(x) / 2) * (1/e - 1/9) / (1 - 1/9) + NOISE * scale * z(x, s) * e^(-1/4)

scale is the median absolute deviation of f from its median over 500 random points. u(x) says which points learn slowly:
a sum over genes of effects of their values, drawn from the problem's seed, of mean 0 and variance 1 together. z is
standard normal, drawn from point and seed alone, so a training that goes on keeps its luck. Kendall's tau between what
is seen after 1 epoch and after 9 is 0.5 in mean over the three problems, each on 500 random points.

A fourth problem, ``ledger``, is the recorded search of ``benchmarks/ledgers``, with rungs at 1, 2 and 4 epochs.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import exp, sqrt
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.problems import PROBLEMS, Pair, Problem
from uniads.search import Genome, Record, Replay, SearchSpace, Status, Trial
from uniads.search.pareto import hypervolume
from uniads.search.replay.known import known_students
from uniads.search.replay.surrogate import Surrogate

RUNGS = (1, 3, 9)
GAP = 3.0
NOISE = 0.2
SAMPLE = 500
LOSS = {"grid": 1, "distillation": 0, "mixed": 1}
"""Which of a problem's two values takes a training."""
LEDGER = Path(__file__).parent / "ledgers" / "digits_resnet56-resnet20.jsonl.gz"
MOST = 20
"""Trainings for each epoch of a budget; they end a searcher that asks for nothing but what costs nothing."""
TOLERANCE = 1e-6
"""Of a sum of parts of epochs."""


class SpentError(Exception):
    """The next training would cost more epochs than are left."""


class MultiFidelityProblem(ABC):
    """A problem with rungs: values are pairs of loss and cost, both minimised.

    Args:
        space: where to search.
        rungs: epochs, rising.
        reference: values so bad that they no longer count.
        worst: values that stand for those of a training that was stopped.
    """

    def __init__(self, space: SearchSpace, rungs: tuple[int, ...], reference: Pair, worst: Pair) -> None:
        self.space, self.rungs, self.reference, self.worst = space, rungs, reference, worst

    @property
    def eta(self) -> int:
        """Proportion of two neighbouring rungs, which is the same for all of them."""
        return max(2, round(self.rungs[1] / self.rungs[0]))

    @abstractmethod
    def truth(self, genome: Genome) -> Pair:
        """Loss and cost after the highest rung, without noise."""

    @abstractmethod
    def known(self, genome: Genome) -> Mapping[str, float]:
        """What needs no training, by name."""

    @abstractmethod
    def observe(self, genome: Genome, epochs: int, seed: int) -> Pair:
        """Loss and cost as a training shows them after so many epochs."""

    def stops_after(self, genome: Genome, seed: int) -> float | None:
        """Epochs after which a training is stopped as hopeless; None for one that runs to its end."""
        return None


class SlowProblem(MultiFidelityProblem):
    """A problem of ``benchmarks.problems`` whose loss takes epochs to come near its final value.

    Args:
        problem: gives the space and the values after the highest rung.
        loss: position of the loss among them.
        seed: of what makes points slow.
        tells_cost: whether the cost of a point is known without a training.
    """

    def __init__(self, problem: Problem, loss: int, seed: int, tells_cost: bool) -> None:
        self._problem, self._loss, self._tells_cost = problem, loss, tells_cost
        reference = self._order(problem.reference)
        super().__init__(problem.space, RUNGS, reference, reference)
        rng = Random(f"slow-{problem.name}-{seed}")
        self._sample = [self.space.draw(rng) for _ in range(SAMPLE)]
        self._effects = [_standard(len(dimension.values), rng) for dimension in self.space.dimensions]

    def truth(self, genome: Genome) -> Pair:
        return self._order(self._problem.values(self.space.point(genome)))

    def known(self, genome: Genome) -> Mapping[str, float]:
        return {"cost": self.truth(genome)[1]} if self._tells_cost else {}

    def observe(self, genome: Genome, epochs: int, seed: int) -> Pair:
        loss, cost = self.truth(genome)
        top = self.rungs[-1]
        late = (1 / epochs - 1 / top) / (1 - 1 / top)
        slow = sum(effect[gene] for effect, gene in zip(self._effects, genome, strict=True)) / sqrt(len(genome))
        luck = Random(f"{seed}-{genome}").gauss(0, 1) * epochs**-0.25
        return loss + self.scale * (GAP * exp(slow / 2) * late + NOISE * luck), cost

    @cached_property
    def scale(self) -> float:
        """Median absolute deviation of the loss over random points."""
        losses = [self.truth(genome)[0] for genome in self._sample]
        center = median(losses)
        return median(abs(loss - center) for loss in losses)

    def _order(self, pair: Pair) -> Pair:
        return pair if self._loss == 0 else (pair[1], pair[0])


class LedgerProblem(MultiFidelityProblem):
    """A recorded search, answered by its ledger and by forests that learned from it, as ``uniads.compare`` has it.

    True are the forests' means, without what they can't explain. A training that the record or the forests stop as
    hopeless costs the recorded mean of such epochs, and students above the largest recorded one cost nothing; both
    answer with the worst recorded values.

    Args:
        seed: of what the forests can't explain.
    """

    def __init__(self, seed: int) -> None:
        record, surrogate, self._means = _read_ledger()
        space = known_students(record, surrogate)
        self._measures, self._replay = record.measures, Replay(record, space, surrogate.reseed(seed))
        loss, size = record.measures
        values = [trial.values for trial in record.trials if trial.values]
        worst = (max(value[0] for value in values), max(value[1] for value in values))
        super().__init__(space, record.rungs, (loss.reference, size.reference), worst)

    def truth(self, genome: Genome) -> Pair:
        (prediction,) = self._means.predict([genome])
        return self._values(self._means.numbers(prediction, self.rungs[-1]))

    def known(self, genome: Genome) -> Mapping[str, float]:
        return {"cost": self._measures[1]({"params": self._means.fixed("params", genome)})}

    def observe(self, genome: Genome, epochs: int, seed: int) -> Pair:
        return self._values(self._ask(genome, epochs).outcome)

    def stops_after(self, genome: Genome, seed: int) -> float | None:
        if not self.space.admits(genome):
            return 0.0
        ended = self._ask(genome, self.rungs[0])
        return ended.epochs_spent if ended.status is Status.REJECTED else None

    def _ask(self, genome: Genome, epochs: int) -> Trial:
        (ended,) = self._replay([Trial("c0000", genome, (), 0, 0, epochs, 0)])
        return ended

    def _values(self, outcome: Mapping[str, float]) -> Pair:
        loss, size = (measure(outcome) for measure in self._measures)
        return loss, size


@cache
def _read_ledger() -> tuple[Record, Surrogate, Surrogate]:
    """The record, and its forests with and without the noise that they can't explain."""
    record = Record.of(LEDGER)
    return record, record.surrogate(), record.surrogate(noise=False)


@dataclass
class Training:
    """One candidate's training: a handle that goes on where it stopped.

    Attributes:
        genome: the candidate.
        epochs: that it was trained so far.
        stopped: after so many epochs as hopeless; None for one that was not.
    """

    genome: Genome
    epochs: int = 0
    stopped: float | None = None


@dataclass
class Oracle:
    """Trains candidates of a problem, counts the epochs and refuses what exceeds the budget.

    Whoever keeps the handle of a training pays the further epochs alone. The same point started twice is paid twice.

    Attributes:
        problem: what is searched.
        seed: of the noise of the trainings.
        budget: epochs that may be spent in all.
        spent: epochs so far.
        finished: what was trained to the highest rung, with the epochs that had been spent by then.
        asked: how often it was asked to train.
    """

    problem: MultiFidelityProblem
    seed: int
    budget: int
    spent: float = 0
    finished: list[tuple[float, Genome]] = field(default_factory=list)
    asked: int = 0

    @property
    def space(self) -> SearchSpace:
        """The problem's."""
        return self.problem.space

    @property
    def top(self) -> int:
        """Epochs of the highest rung."""
        return self.problem.rungs[-1]

    @property
    def left(self) -> float:
        """Epochs that may still be spent."""
        return self.budget - self.spent

    def train(self, training: Training, epochs: int) -> Pair:
        """Train to so many epochs in all, and look.

        Raises:
            SpentError: the budget does not allow it. Nothing was spent on it.
            ValueError: the training is beyond that already.
        """
        cost = epochs - training.epochs
        if cost <= 0:
            raise ValueError(f"a training of {training.epochs} epochs can't be trained to {epochs}")
        if cost > self.left + TOLERANCE:
            raise SpentError(f"{self.left:g} of {self.budget} epochs are left, {cost} were asked for")
        self.asked += 1
        if self.asked > MOST * self.budget:
            raise SpentError(f"{self.asked} trainings were asked for, of which most cost nothing")
        if training.epochs == 0:
            training.stopped = self.problem.stops_after(training.genome, self.seed)
            self.spent += training.stopped or 0
        training.epochs = epochs
        if training.stopped is not None:
            return self.problem.worst
        self.spent += cost
        if epochs == self.top:
            self.finished.append((self.spent, training.genome))
        return self.problem.observe(training.genome, epochs, self.seed)

    def hypervolume(self, spent: float | None = None) -> float:
        """Hypervolume of the true values of the candidates that were trained to the highest rung.

        Args:
            spent: count only what was finished within so many epochs; None for all.
        """
        genomes = {genome for at, genome in self.finished if spent is None or at <= spent}
        return hypervolume([self.problem.truth(genome) for genome in genomes], self.problem.reference)


def _standard(count: int, rng: Random) -> list[float]:
    """So many numbers of mean 0 and variance 1."""
    drawn = [rng.gauss(0, 1) for _ in range(count)]
    center = sum(drawn) / count
    deviation = sqrt(sum((value - center) ** 2 for value in drawn) / count) or 1.0
    return [(value - center) / deviation for value in drawn]


def build_problem(name: str, seed: int) -> MultiFidelityProblem:
    """The problem of a name, drawn from the seed."""
    if name == "ledger":
        return LedgerProblem(seed)
    (make,) = (make for make in PROBLEMS if make.__name__ == name)
    return SlowProblem(make(seed), LOSS[name], seed, tells_cost=name == "distillation")


NAMES = (*LOSS, "ledger")
