"""Problems whose loss is known only after a training, and the account of the epochs that a searcher spends on them.

Each problem of ``benchmarks.problems`` with rungs at 1, 3 and 9 epochs. One of its two values becomes the loss f(x);
the other one, the cost, is the same at every rung. The loss that a training of point x with seed s shows after e epochs
is

    f(x) + GAP * scale * exp(u(x) / 2) * (1/e - 1/9) / (1 - 1/9) + NOISE * scale * z(x, s) * e^(-1/4)

scale is the median absolute deviation of f from its median over 500 random points. u(x) says which points learn slowly:
a sum over genes of effects of their values, drawn from the problem's seed, of mean 0 and variance 1 together. z is
standard normal, drawn from point and seed alone, so a training that goes on keeps its luck. Kendall's tau between what
is seen after 1 epoch and after 9 is 0.5 in mean over the three problems, each on 500 random points.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, sqrt
from random import Random
from statistics import median

from benchmarks.problems import PROBLEMS, Pair, Problem
from uniads.search import Genome, SearchSpace
from uniads.search.pareto import hypervolume

RUNGS = (1, 3, 9)
GAP = 3.0
NOISE = 0.2
SAMPLE = 500
LOSS = {"grid": 1, "distillation": 0, "mixed": 1}
"""Which of a problem's two values takes a training."""


class SpentError(Exception):
    """The next training would cost more epochs than are left."""


class MultiFidelityProblem:
    """A problem with rungs: values are pairs of loss and cost, both minimised.

    Args:
        problem: gives the space and the values after the highest rung.
        loss: position of the loss among them.
        seed: of what makes points slow.
        tells_cost: whether the cost of a point is known without a training.
    """

    rungs = RUNGS

    def __init__(self, problem: Problem, loss: int, seed: int, tells_cost: bool) -> None:
        self.name, self.space, self.tells_cost = problem.name, problem.space, tells_cost
        self._problem, self._loss = problem, loss
        self.reference = self._order(problem.reference)
        rng = Random(f"slow-{problem.name}-{seed}")
        self._sample = [self.space.draw(rng) for _ in range(SAMPLE)]
        self._effects = [_standard(len(dimension.values), rng) for dimension in self.space.dimensions]

    def truth(self, genome: Genome) -> Pair:
        """Loss and cost after the highest rung, without noise."""
        return self._order(self._problem.values(self.space.point(genome)))

    def known(self, genome: Genome) -> Mapping[str, float]:
        """What needs no training, by name."""
        return {"cost": self.truth(genome)[1]} if self.tells_cost else {}

    def observe(self, genome: Genome, epochs: int, seed: int) -> Pair:
        """Loss and cost as a training shows them after so many epochs."""
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


@dataclass
class Training:
    """One candidate's training: a handle that goes on where it stopped.

    Attributes:
        genome: the candidate.
        epochs: that it was trained so far.
    """

    genome: Genome
    epochs: int = 0


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
    """

    problem: MultiFidelityProblem
    seed: int
    budget: int
    spent: int = 0
    finished: list[tuple[int, Genome]] = field(default_factory=list)

    @property
    def space(self) -> SearchSpace:
        """The problem's."""
        return self.problem.space

    @property
    def top(self) -> int:
        """Epochs of the highest rung."""
        return self.problem.rungs[-1]

    @property
    def left(self) -> int:
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
        if cost > self.left:
            raise SpentError(f"{self.left} of {self.budget} epochs are left, {cost} were asked for")
        self.spent += cost
        training.epochs = epochs
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


def _make(make: Callable[[int], Problem], seed: int) -> MultiFidelityProblem:
    problem = make(seed)
    return MultiFidelityProblem(problem, LOSS[problem.name], seed, tells_cost=problem.name == "distillation")


def build_problem(name: str, seed: int) -> MultiFidelityProblem:
    """The problem of a name, drawn from the seed."""
    (make,) = (problem for problem in PROBLEMS if problem.__name__ == name)
    return _make(make, seed)


NAMES = tuple(problem.__name__ for problem in PROBLEMS)
