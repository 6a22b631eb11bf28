"""The tree-structured Parzen estimator (TPE), computed by Optuna."""

from collections.abc import Sequence
from random import Random
from typing import final

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from uniads.error import UserError
from uniads.search.algorithm.base import Algorithm
from uniads.search.space import Genome, SearchSpace, Weights
from uniads.search.trial import Status, Trial

Numbers = list[float]


@final
class TPE(Algorithm):
    """Draws genes that are frequent among good candidates and rare among poor ones.

    With several measures, good candidates are those near the Pareto front.

    Every generation has an Optuna study of its own, in memory, with all ended trials and a sampler seeded from the
    generation's random generator. So proposals depend on seed, generation and trials alone, and a resumed search makes
    the same ones. Candidates of a generation that are not evaluated yet count as poor (a constant liar), which spreads
    them. Values of different rungs are never compared: those of a lower rung are shifted until every higher rung
    dominates them, and rejected or failed trials come last. Sampling weights are used for random draws only.

    Source: Bergstra et al., NeurIPS 2011; Ozaki et al. 2020, doi:10.1145/3377930.3389817, for several measures.

    Args:
        startup: ended trials that the estimator needs, at least 1. Until then genomes are drawn at random.
        multivariate: whether the genes of a genome are drawn together; otherwise each is drawn alone.
    """

    patience = 20
    """Fewer than for other algorithms, since each proposal takes milliseconds."""

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        start: Sequence[Genome] = (),
        startup: int = 10,
        multivariate: bool = True,
    ) -> None:
        super().__init__(space, seed, start)
        if startup < 1:
            raise UserError(f"search.algorithm.startup must be at least 1, got {startup}")
        self.startup = startup
        self.multivariate = multivariate
        self._distributions = build_gene_distributions(space)
        self._ended: list[Trial] = []
        self._study: tuple[Random, optuna.Study] | None = None

    def tell(self, trials: Sequence[Trial]) -> None:
        self._ended.extend(trials)

    def propose(self, rng: Random, weights: Weights | None) -> Genome:
        if len(self._ended) < self.startup or not any(trial.values for trial in self._ended):
            return self.space.draw(rng, weights)
        if self._study is None or self._study[0] is not rng:
            self._study = rng, self._create_study(rng)
        params = self._study[1].ask(self._distributions).params
        return self.space.repair(tuple(params[dimension.key] for dimension in self.space.dimensions))

    def _create_study(self, rng: Random) -> optuna.Study:
        """A study that holds all ended trials."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = TPESampler(
            seed=rng.getrandbits(32), n_startup_trials=0, multivariate=self.multivariate, constant_liar=True
        )
        values = shift_rungs(self._ended)
        study = optuna.create_study(sampler=sampler, directions=["minimize"] * len(values[0]))
        study.add_trials([self._freeze(trial, value) for trial, value in zip(self._ended, values, strict=True)])
        return study

    def _freeze(self, trial: Trial, values: Numbers) -> FrozenTrial:
        params = {dimension.key: gene for dimension, gene in zip(self.space.dimensions, trial.genome, strict=True)}
        return create_trial(state=TrialState.COMPLETE, values=values, params=params, distributions=self._distributions)


def build_gene_distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """For each key the positions of its values as Optuna draws them: numbers as integers, all else as categories."""
    return {
        dimension.key: IntDistribution(0, len(dimension.values) - 1)
        if dimension.ordinal
        else CategoricalDistribution(list(range(len(dimension.values))))
        for dimension in space.dimensions
    }


def shift_rungs(trials: Sequence[Trial]) -> list[Numbers]:
    """Values shifted so that trials of a higher rung dominate those of a lower one. Trials without any come last."""
    columns = list(zip(*(trial.values for trial in trials if trial.values), strict=True))
    worst = [max(column) for column in columns]
    spans = [max(column) - min(column) + 1 for column in columns]
    top = max(trial.rung for trial in trials)
    return [
        [value + (top - trial.rung) * span for value, span in zip(trial.values, spans, strict=True)]
        if trial.status is Status.COMPLETED
        else [value + (top + 1) * span for value, span in zip(worst, spans, strict=True)]
        for trial in trials
    ]
