"""Other packages' searchers for two measures, each in a function of its own that spends the epochs of an oracle.

All of them see an ordered gene as an integer and any other as a category. Whoever has rungs gets the problem's, and
goes on with a training from the rung below, even where the package itself would begin anew. None of them can be told
that the cost of a point is known without a training. Trainings run one after another. Packages that draw from global
generators find these seeded.

Packages are imported when a searcher is called, so that one that is not installed keeps nobody else back.
"""

import logging
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch

from benchmarks.multi_fidelity import Oracle, Training
from uniads.search import Genome, SearchSpace

Searcher = Callable[[Oracle, int], None]
"""Trains candidates of an oracle, with a seed of its own, until the epochs are spent."""

SMALL = 8
"""Population of Optuna's genetic samplers, that of ``search=quick``; with their own 50 all would be drawn at random."""
PRIOR_SAMPLE = 100
CONFIDENCE = 0.75


def genome_of(space: SearchSpace, config: Mapping[str, Any]) -> Genome:
    """The genome of a configuration that maps the keys of a space to positions of values."""
    return space.repair(tuple(int(config[dimension.key]) for dimension in space.dimensions))


def domains_of(
    space: SearchSpace, integer: Callable[[int, int], Any], category: Callable[[list[int]], Any]
) -> dict[str, Any]:
    """A package's domain of the positions of each key's values.

    Args:
        space: where to search.
        integer: makes the domain of a number, from its first and last position.
        category: makes that of anything else, from all positions.
    """
    return {
        dimension.key: integer(0, len(dimension.values) - 1)
        if dimension.ordinal
        else category(list(range(len(dimension.values))))
        for dimension in space.dimensions
    }


def seed_everything(seed: int) -> None:
    """Seed the global generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def quietly(search: Searcher) -> Searcher:
    """The searcher without its package's messages."""

    def searcher(oracle: Oracle, seed: int) -> None:
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                search(oracle, seed)
        finally:
            logging.disable(before)

    return searcher


def optuna(kind: Literal["nsga2", "nsga3", "tpe", "gp"]) -> Searcher:
    """Optuna's samplers; a study of two measures can't be pruned, so that each candidate is trained in full."""

    @quietly
    def searcher(oracle: Oracle, seed: int) -> None:
        import optuna as package

        from uniads.search.algorithm.tpe import build_gene_distributions

        samplers = package.samplers
        made: Mapping[str, Callable[[], package.samplers.BaseSampler]] = {
            "nsga2": lambda: samplers.NSGAIISampler(population_size=SMALL, seed=seed),
            "nsga3": lambda: samplers.NSGAIIISampler(population_size=SMALL, seed=seed),
            "tpe": lambda: samplers.TPESampler(multivariate=True, seed=seed),
            "gp": lambda: samplers.GPSampler(seed=seed, deterministic_objective=False),
        }
        distributions = build_gene_distributions(oracle.space)
        seed_everything(seed)
        study = package.create_study(sampler=made[kind](), directions=["minimize", "minimize"])
        while True:
            trial = study.ask(distributions)
            study.tell(trial, oracle.train(Training(genome_of(oracle.space, trial.params)), oracle.top))

    return searcher


def syne_tune(ranks: bool) -> Searcher:
    """Syne Tune's MO-ASHA: a training is stopped at a rung unless it is among the best third of those that came there.

    Its scheduler is driven directly, one trial after the other, without a backend.

    Args:
        ranks: whether to hand it the ranks of the candidates. Its own priority hands over their positions in sorted
            order where the scheduler takes ranks.
    """

    @quietly
    def searcher(oracle: Oracle, seed: int) -> None:
        from syne_tune import config_space
        from syne_tune.backend.trial_status import Trial
        from syne_tune.optimizer.scheduler import SchedulerDecision
        from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA
        from syne_tune.optimizer.schedulers.multiobjective.multiobjective_priority import NonDominatedPriority

        class Ranks(NonDominatedPriority):  # type: ignore[misc]
            def priority_unsafe(self, objectives: Any) -> Any:
                return np.argsort(super().priority_unsafe(objectives))

        seed_everything(seed)
        domains = domains_of(oracle.space, config_space.randint, config_space.choice)
        rungs = oracle.problem.rungs
        scheduler = MOASHA(
            domains, ["loss", "cost"], time_attr="epochs", max_t=oracle.top, grace_period=rungs[0],
            reduction_factor=oracle.problem.eta, multiobjective_priority=Ranks() if ranks else None, random_seed=seed,
        )  # fmt: skip
        number = 0
        while True:
            config = scheduler.suggest().config
            trial = Trial(number, config, datetime.now())
            scheduler.on_trial_add(trial)
            training = Training(genome_of(oracle.space, config))
            for epochs in rungs:
                loss, cost = oracle.train(training, epochs)
                result = {"epochs": epochs, "loss": loss, "cost": cost}
                if scheduler.on_trial_result(trial, result) == SchedulerDecision.STOP:
                    break
            number += 1

    return searcher


def neps(kind: Literal["moasha", "mo_hyperband", "primo", "primo with priors"]) -> Searcher:
    """NePS's MO-ASHA, multi-objective Hyperband and PriMO, through its ask and tell.

    Its MO-ASHA promotes the best of a rung whenever three of those that are left there are not promoted, so that nearly
    all candidates end up trained in full.

    PriMO begins with MO-ASHA, for as many full trainings as there are genes, and goes on with Bayesian optimisation of
    full trainings. Without priors it is given none. With priors it is given, for each of the two values, the best of
    100 random points by the true value, with confidence 0.75: knowledge that nobody else has, and that costs nothing
    here.
    """

    @quietly
    def searcher(oracle: Oracle, seed: int) -> None:
        import neps as package

        seed_everything(seed)
        space, eta = _neps_space(oracle), oracle.problem.eta
        if kind == "moasha":
            optimizer: Any = package.algorithms.moasha(space, eta=eta)
        elif kind == "mo_hyperband":
            optimizer = package.algorithms.mo_hyperband(space, eta=eta)
        else:
            centers = _best_guesses(oracle, seed) if kind == "primo with priors" else {}
            confidences = {name: dict.fromkeys(center, CONFIDENCE) for name, center in centers.items()}
            optimizer = package.algorithms.primo(space, eta=eta, prior_centers=centers, prior_confidences=confidences)
        loop = package.AskAndTell(optimizer)
        trainings: dict[str, Training] = {}
        while True:
            trial = loop.ask()
            before = trainings.get(trial.metadata.previous_trial_id or "")
            training = before or Training(genome_of(oracle.space, trial.config))
            trainings[trial.id] = training
            loop.tell(trial, {"objective_to_minimize": list(oracle.train(training, int(trial.config["epochs"])))})

    return searcher


def _neps_space(oracle: Oracle) -> Any:
    import neps as package

    genes = domains_of(oracle.space, package.HPOInteger, package.HPOCategorical)
    rungs = oracle.problem.rungs
    return package.SearchSpace({**genes, "epochs": package.HPOInteger(rungs[0], rungs[-1], is_fidelity=True)})


def _best_guesses(oracle: Oracle, seed: int) -> dict[str, dict[str, int]]:
    """For each value the best of some random points."""
    rng = random.Random(f"prior-{seed}")
    genomes = [oracle.space.draw(rng) for _ in range(PRIOR_SAMPLE)]
    truths = [oracle.problem.truth(genome) for genome in genomes]
    keys = [dimension.key for dimension in oracle.space.dimensions]
    return {
        name: dict(zip(keys, genomes[min(range(len(genomes)), key=lambda at: truths[at][position])], strict=True))
        for position, name in enumerate(("loss", "cost"))
    }


def smac(fidelities: bool) -> Searcher:
    """SMAC's random forest with ParEGO, through its ask and tell.

    Its multi-fidelity facade keeps incumbents of the highest rung only: by its default of the highest rung seen, an
    assertion of its own fails as soon as two incumbents of different rungs meet.

    Args:
        fidelities: whether candidates go through Hyperband's brackets of the rungs (its multi-fidelity facade); all are
            trained in full otherwise (its facade for hyperparameter optimisation).
    """

    @quietly
    def searcher(oracle: Oracle, seed: int) -> None:
        from smac import HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario
        from smac.multi_objective.parego import ParEGO
        from smac.runhistory.dataclasses import TrialValue

        rungs = oracle.problem.rungs
        budgets = {"min_budget": rungs[0], "max_budget": rungs[-1]} if fidelities else {}
        seed_everything(seed)
        with TemporaryDirectory() as folder:
            scenario = Scenario(
                _smac_space(oracle, seed), objectives=["loss", "cost"], deterministic=True, seed=seed,
                n_trials=oracle.budget // (3 if fidelities else oracle.top), output_directory=folder, **budgets,
            )  # fmt: skip
            facade_class = MultiFidelityFacade if fidelities else HyperparameterOptimizationFacade
            eta = oracle.problem.eta
            halving = {"incumbent_selection": "highest_budget", "eta": eta} if fidelities else {}
            facade = facade_class(
                scenario, lambda config, seed, budget=None: [0.0, 0.0], multi_objective_algorithm=ParEGO(scenario),
                intensifier=facade_class.get_intensifier(scenario, **halving), logging_level=False, overwrite=True,
            )  # fmt: skip
            trainings: dict[Genome, Training] = {}
            while True:
                asked = facade.ask()
                genome = genome_of(oracle.space, dict(asked.config))
                training = trainings.setdefault(genome, Training(genome))
                epochs = round(asked.budget) if fidelities else oracle.top
                facade.tell(asked, TrialValue(cost=list(oracle.train(training, epochs))), save=False)

    return searcher


def _smac_space(oracle: Oracle, seed: int) -> Any:
    from ConfigSpace import ConfigurationSpace

    return ConfigurationSpace(seed=seed, space=domains_of(oracle.space, lambda first, last: (first, last), list))


PEERS: Mapping[str, tuple[str, Searcher]] = {
    "NePS PriMO": ("neps", neps("primo")),
    "NePS PriMO, good priors": ("neps", neps("primo with priors")),
    "NePS MO-ASHA": ("neps", neps("moasha")),
    "NePS MO-Hyperband": ("neps", neps("mo_hyperband")),
    "Syne Tune MO-ASHA": ("syne_tune", syne_tune(ranks=False)),
    "Syne Tune MO-ASHA, ranks": ("syne_tune", syne_tune(ranks=True)),
    "Optuna NSGA-II": ("optuna", optuna("nsga2")),
    "Optuna NSGA-III": ("optuna", optuna("nsga3")),
    "Optuna TPE": ("optuna", optuna("tpe")),
    "Optuna GP": ("optuna", optuna("gp")),
    "SMAC ParEGO": ("smac", smac(fidelities=False)),
    "SMAC ParEGO, multi-fidelity": ("smac", smac(fidelities=True)),
}
"""By name: the module that must be installed, and the searcher."""

PACKAGES: Sequence[str] = ("neural-pipeline-search", "syne-tune", "optuna", "smac")
"""Whose versions are recorded."""
