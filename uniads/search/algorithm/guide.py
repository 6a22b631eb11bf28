"""Says which of many genomes is worth a training, by what trials of similar ones came to."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import final

import numpy as np
import numpy.typing as npt

from uniads.error import UserError
from uniads.search.objective import Measure
from uniads.search.pareto import Values, hypervolume
from uniads.search.space import Genome, SearchSpace
from uniads.search.trial import Status, Trial

Floats = npt.NDArray[np.float64]

FEWEST = 8
"""Trials that are needed before anything is said."""
MOST = 600
"""Trials that are learned from, the latest: the work grows with the third power of their number."""
LENGTHS, NOISES = (0.5, 1.0, 2.0, 4.0), (0.03, 0.1, 0.3, 1.0)
"""Length scales and shares of noise that are tried, the likeliest pair is taken."""
RUNG = 0.3
"""Distance of two neighbouring rungs; that of two different categories is 1, as is that of a number's ends."""
DIGITS = 9
"""Gains are rounded to so many digits, so that the last bits of a processor decide nothing."""


@final
class Guide:
    """Chooses the genome that would add most hypervolume to the front, if it did as well as can be hoped.

    A Gaussian process (Matern 5/2, one length scale) predicts each measure that a training has to tell, from genome and
    rung: mean m and deviation s at the highest rung seen. Hoped for is m - ``hope`` * s. Measures that are known
    without a training, such as a size, are exact. Values of a lower rung are shifted by the median difference of the
    candidates that reached both; a rejected candidate counts as the worst of its rung.

    Choices depend on the trials and the genomes alone.

    Sources: lower confidence bounds, Srinivas et al., arXiv:0912.3995; hypervolume gains, Emmerich et al. 2006,
    doi:10.1109/TEVC.2005.859463; a model that screens the children of NSGA-II, Lu et al., arXiv:2007.10396.

    Args:
        space: of the genomes.
        measures: what is minimised.
        known: numbers of a genome that need no training, by name.
        children: how many genomes it is asked to choose from, at least 1.
        hope: deviations below the mean, 0 or more; more explores more.
    """

    def __init__(
        self,
        space: SearchSpace,
        measures: Sequence[Measure],
        known: Callable[[Genome], Mapping[str, float]],
        children: int = 100,
        hope: float = 2.0,
    ) -> None:
        if children < 1 or hope < 0:
            raise UserError(f"a guide needs at least 1 child and a hope of 0 or more, got {children} and {hope}")
        self.space, self.measures, self.known = space, tuple(measures), known
        self.children, self.hope = children, hope
        self._reference = tuple(measure.reference for measure in measures)
        self._trials: list[Trial] = []
        self._models: dict[int, _Model] | None = None
        self._front: list[Values] = []

    def observe(self, trials: Sequence[Trial]) -> None:
        """Learn from the trials of a rung."""
        self._trials += [trial for trial in trials if trial.status is not Status.FAILED]
        self._models = None

    def choose(self, genomes: Sequence[Genome]) -> Genome:
        """One of the genomes; the first as long as too little is known.

        Args:
            genomes: at least one.
        """
        models = self._learn(genomes[0])
        if not models:
            return genomes[0]
        hoped = self._hope_for(genomes, models)
        before = hypervolume(self._front, self._reference)
        gains = [round(hypervolume([*self._front, value], self._reference) - before, DIGITS) for value in hoped]
        best = max(range(len(genomes)), key=lambda position: (gains[position], -position))
        self._front.append(hoped[best])  # whoever is chosen next should add to it
        return genomes[best]

    def _learn(self, any_genome: Genome) -> dict[int, "_Model"]:
        """A model of each measure that a training has to tell, by position; none as long as too little is known."""
        if self._models is None:
            self._models = {}
            told = [trial for trial in self._trials if trial.status is Status.COMPLETED][-MOST:]
            if len(told) >= FEWEST:
                free = self.known(any_genome)
                top = max(trial.rung for trial in told)
                self._front = [trial.values for trial in told if trial.rung == top]
                for position, measure in enumerate(self.measures):
                    if measure.name not in free:
                        self._models[position] = _Model(self.space, self._trials[-MOST:], position)
        return self._models

    def _hope_for(self, genomes: Sequence[Genome], models: Mapping[int, "_Model"]) -> list[Values]:
        columns = []
        for position, measure in enumerate(self.measures):
            if position in models:
                columns.append(models[position].hope_for(genomes, self.hope))
            else:
                columns.append([measure(self.known(genome)) for genome in genomes])
        return list(zip(*columns, strict=True))


class _Model:
    """A Gaussian process of one measure over genomes and rungs."""

    def __init__(self, space: SearchSpace, trials: Sequence[Trial], position: int) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import Matern, WhiteKernel

        self._space = space
        told = {trial.slot: trial.values[position] for trial in trials if trial.status is Status.COMPLETED}
        worst = {rung: max(v for (_, r), v in told.items() if r == rung) for rung in {rung for _, rung in told}}
        used = [trial for trial in trials if trial.rung in worst]
        self._shifts = _find_shifts(told)
        self._top = max(worst)
        values = [told.get(trial.slot, worst[trial.rung]) - self._shifts[trial.rung] for trial in used]
        self._mean, self._deviation = float(np.mean(values)), float(np.std(values)) or 1.0
        x = self._encode([trial.genome for trial in used], [trial.rung for trial in used])
        y = (np.array(values) - self._mean) / self._deviation
        tried = [
            GaussianProcessRegressor(Matern(length, nu=2.5) + WhiteKernel(noise), optimizer=None).fit(x, y)
            for length in LENGTHS
            for noise in NOISES
        ]
        self._process = max(tried, key=lambda process: round(process.log_marginal_likelihood_value_, 6))

    def hope_for(self, genomes: Sequence[Genome], hope: float) -> list[float]:
        """Mean minus ``hope`` deviations at the highest rung."""
        x = self._encode(genomes, [self._top] * len(genomes))
        mean, deviation = self._process.predict(x, return_std=True)
        hoped = (mean - hope * deviation) * self._deviation + self._mean + self._shifts[self._top]
        return [float(value) for value in hoped]

    def _encode(self, genomes: Sequence[Genome], rungs: Sequence[int]) -> Floats:
        genes = np.array([self._space.effective_genome(genome) for genome in genomes])
        columns = [RUNG * np.array(rungs, dtype=float)[:, None]]
        for position, dimension in enumerate(self._space.dimensions):
            levels = len(dimension.values)
            column = genes[:, position]
            if dimension.ordinal:
                columns.append(np.minimum(column, levels - 1)[:, None] / max(levels - 1, 1))
                columns.append((column == levels)[:, None].astype(float))  # without effect
            else:
                columns.append(np.eye(levels + 1)[column] / np.sqrt(2))
        return np.concatenate(columns, axis=1)


def _find_shifts(told: Mapping[tuple[str, int], float]) -> dict[int, float]:
    """What to take off the values of each rung, so that they compare with those of the lowest."""
    rungs = sorted({rung for _, rung in told})
    shifts = {rungs[0]: 0.0}
    for lower, upper in pairwise(rungs):
        both = [name for name, rung in told if rung == upper and (name, lower) in told]
        risen = [told[name, upper] - told[name, lower] for name in both]
        shifts[upper] = shifts[lower] + (median(risen) if risen else 0.0)
    return shifts
