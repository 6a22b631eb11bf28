"""The tree-structured Parzen estimator, by Optuna."""

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
    """Genes are drawn where good candidates are dense and poor ones are not; several measures make good a front.

    Every generation has a study of its own, in memory, with the trials told and a sampler seeded from the generation's
    generator: proposals follow from seed, generation and trials alone, so a replay gives the same ones. Candidates of a
    generation that are not evaluated yet count as poor (a constant liar), which spreads them. Trials of different rungs
    never compete: a lower rung's values are shifted until every higher rung's dominate them, and rejected or failed
    trials come last. Shrunk weights are for random draws only; the estimator learns its own.

    Source: Bergstra et al., NeurIPS 2011; Ozaki et al. 2020, doi:10.1145/3377930.3389817, for several measures.

    Args:
        startup: trials told before the estimator is used, at least 1; until then genomes are drawn at random.
        multivariate: whether genes are drawn together rather than each alone.
    """

    patience = 20
    """Proposals cost milliseconds here."""

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
        self._distributions = {dimension.key: _distribution(space, i) for i, dimension in enumerate(space.dimensions)}
        self._told: list[Trial] = []
        self._study: tuple[Random, optuna.Study] | None = None

    def tell(self, trials: Sequence[Trial]) -> None:
        self._told.extend(trials)

    def propose(self, rng: Random, weights: Weights | None) -> Genome:
        if len(self._told) < self.startup or not any(trial.values for trial in self._told):
            return self.space.draw(rng, weights)
        if self._study is None or self._study[0] is not rng:
            self._study = rng, self._started(rng)
        params = self._study[1].ask(self._distributions).params
        return self.space.repair(tuple(params[dimension.key] for dimension in self.space.dimensions))

    def _started(self, rng: Random) -> optuna.Study:
        """A study that knows the trials told."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = TPESampler(
            seed=rng.getrandbits(32), n_startup_trials=0, multivariate=self.multivariate, constant_liar=True
        )
        values = shifted(self._told)
        study = optuna.create_study(sampler=sampler, directions=["minimize"] * len(values[0]))
        study.add_trials([self._frozen(trial, value) for trial, value in zip(self._told, values, strict=True)])
        return study

    def _frozen(self, trial: Trial, values: Numbers) -> FrozenTrial:
        params = {dimension.key: gene for dimension, gene in zip(self.space.dimensions, trial.genome, strict=True)}
        return create_trial(state=TrialState.COMPLETE, values=values, params=params, distributions=self._distributions)


def _distribution(space: SearchSpace, position: int) -> BaseDistribution:
    levels = len(space.dimensions[position].values)
    if space.dimensions[position].ordinal:
        return IntDistribution(0, levels - 1)
    return CategoricalDistribution(list(range(levels)))


def shifted(trials: Sequence[Trial]) -> list[Numbers]:
    """Values in which each trial of a higher rung dominates each of a lower one, and these those without values."""
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
