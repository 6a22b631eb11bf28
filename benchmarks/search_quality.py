"""python -m benchmarks.search_quality: what search algorithms find with 200 evaluations.

Hypervolume on discrete problems with two measures, of UniADS's algorithms and of Optuna's and pymoo's. Each gets the
same number of evaluations; a point asked twice counts twice, since it would be trained twice. UniADS asks for twenty at
a time, as in a search; Optuna for one. The problems are drawn from the seed, so seeds are problems: those from 1000 on
were used while the algorithms were made, those from 0 on are for reporting.
"""

from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from statistics import mean, median
from time import perf_counter
from typing import Any

import numpy as np
import optuna
from pymoo.algorithms.moo import nsga2 as pymoo_nsga2
from pymoo.core.problem import Problem as PymooProblem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize
from scipy.stats import wilcoxon

from benchmarks import reporting
from benchmarks.problems import PROBLEMS, Pair, Problem
from uniads.options import option_facts
from uniads.search import NSGA2, Algorithm, Full, Measure, Random, RegularizedEvolution, per_point, search
from uniads.search.algorithm.guide import Guide
from uniads.search.algorithm.tpe import TPE, build_gene_distributions
from uniads.search.pareto import hypervolume

OFFSPRING = 20
OURS = "UniADS nsga2"
NAMES = ("first", "second")

Solver = Callable[[Problem, int, int], list[Pair]]
"""Maps a problem, a seed and a number of evaluations to the values found."""


def uniads(algorithm: Callable[..., Algorithm], problem: Problem, seed: int, evaluations: int) -> list[Pair]:
    """One of ours with its default settings and no halving."""
    result = search(
        problem.space,
        per_point(problem.space, lambda point, epochs: dict(zip(NAMES, problem.values(point), strict=True))),
        algorithm(problem.space, seed),
        Full(1, OFFSPRING),
        measures=[Measure(name) for name in NAMES],
        candidates=evaluations,
    )
    return [(trial.values[0], trial.values[1]) for trial in result.trials]


def guided(problem: Problem, seed: int, evaluations: int) -> list[Pair]:
    """NSGA-II with the guide that searches have; it is told nothing of either measure but what was evaluated."""
    measures = [Measure(name, reference=worst) for name, worst in zip(NAMES, problem.reference, strict=True)]
    children = option_facts("algorithm", "nsga2")["guide"]["children"]
    guide = Guide(problem.space, measures, lambda genome: {}, children=children)
    return uniads(partial(NSGA2, guide=guide), problem, seed, evaluations)


def by_optuna(
    sampler: Callable[..., optuna.samplers.BaseSampler], problem: Problem, seed: int, evaluations: int
) -> list[Pair]:
    """One of Optuna's; numbers are integers, all else categories."""
    distributions = build_gene_distributions(problem.space)
    study = optuna.create_study(sampler=sampler(seed=seed), directions=["minimize", "minimize"])
    found = []
    for _ in range(evaluations):
        trial = study.ask(distributions)
        found.append(problem.values(problem.space.point(tuple(trial.params[key] for key in distributions))))
        study.tell(trial, found[-1])
    return found


class _Integers(PymooProblem):  # type: ignore[misc]
    """A problem as pymoo sees it: integers, copies of known points removed."""

    def __init__(self, problem: Problem) -> None:
        levels = [len(dimension.values) for dimension in problem.space.dimensions]
        super().__init__(n_var=len(levels), n_obj=2, xl=0, xu=np.array(levels) - 1, vtype=int)
        self.problem = problem
        self.found: list[Pair] = []

    def _evaluate(self, rows: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        values = [self.problem.values(self.problem.space.point(tuple(int(gene) for gene in row))) for row in rows]
        self.found += values
        out["F"] = np.array(values)


def by_pymoo(population: int, problem: Problem, seed: int, evaluations: int) -> list[Pair]:
    """Pymoo's NSGA-II with its integer operators."""
    integers = _Integers(problem)
    algorithm = pymoo_nsga2.NSGA2(
        pop_size=population,
        sampling=IntegerRandomSampling(),
        crossover=SBX(vtype=float, repair=RoundingRepair()),
        mutation=PM(vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=True,
    )
    minimize(integers, algorithm, ("n_eval", evaluations), seed=seed)
    return integers.found[:evaluations]


SOLVERS: dict[str, Solver] = {
    OURS: partial(uniads, NSGA2),
    "UniADS nsga2, guided": guided,
    "UniADS tpe": partial(uniads, TPE),
    "UniADS regularized_evolution": partial(uniads, RegularizedEvolution),
    "UniADS random": partial(uniads, Random),
    "Optuna NSGA-II, population 20": partial(by_optuna, partial(optuna.samplers.NSGAIISampler, population_size=20)),
    "Optuna NSGA-II, default": partial(by_optuna, optuna.samplers.NSGAIISampler),
    "Optuna TPE, default": partial(by_optuna, optuna.samplers.TPESampler),
    "Optuna TPE, multivariate": partial(by_optuna, partial(optuna.samplers.TPESampler, multivariate=True)),
    "pymoo NSGA-II, population 20": partial(by_pymoo, 20),
    "pymoo NSGA-II, default": partial(by_pymoo, 100),
}


def volumes(solver: Solver, problem: Callable[[int], Problem], seeds: Sequence[int], evaluations: int) -> list[float]:
    """Hypervolume found with each seed."""
    found = []
    for seed in seeds:
        made = problem(seed)
        found.append(hypervolume(solver(made, seed, evaluations), made.reference))
    return found


def rows_of(name: str, found: dict[str, list[float]], times: dict[tuple[str, str], float]) -> list[reporting.Row]:
    """One row an algorithm: what it found, and how that compares with ours on the same seeds."""
    mine = found[OURS]
    return [
        {
            "algorithm": solver,
            "problem": name,
            "median": median(theirs),
            "mean": mean(theirs),
            "ours above": sum(a > b for a, b in zip(mine, theirs, strict=True)),
            "p": float(wilcoxon(mine, theirs).pvalue) if theirs != mine else 1.0,
            "ms per evaluation": times[name, solver],
            "n": len(theirs),
        }
        for solver, theirs in sorted(found.items(), key=lambda item: [*SOLVERS].index(item[0]))
    ]


def measure(arguments: Namespace) -> None:
    """Run all algorithms on all problems, but those that the file knows already, and keep what each found."""
    seeds = range(arguments.seed, arguments.seed + arguments.repeats)
    earlier = reporting.resume(arguments, "problems")
    known: dict[str, dict[str, list[float]]] = earlier.get("hypervolumes", {})
    rows = earlier.get("rows", [])
    times = {(row["problem"], row["algorithm"]): row["ms per evaluation"] for row in rows}
    for problem in PROBLEMS:
        name = problem.__name__
        found = known.setdefault(name, {})
        for solver, solve in SOLVERS.items() if name in arguments.problems.split(",") else ():
            if solver in found:
                continue
            begin = perf_counter()
            found[solver] = [round(value, 4) for value in volumes(solve, problem, seeds, arguments.evaluations)]
            times[name, solver] = 1e3 * (perf_counter() - begin) / len(seeds) / arguments.evaluations
            keep(arguments, known, times)
    for name, table in keep(arguments, known, times).items():
        reporting.show(f"{name}: hypervolume after {arguments.evaluations} evaluations", table)


def keep(
    arguments: Namespace, known: dict[str, dict[str, list[float]]], times: dict[tuple[str, str], float]
) -> dict[str, list[reporting.Row]]:
    """Write what was found; returns the rows of each problem."""
    rows = {name: rows_of(name, found, times) for name, found in known.items() if OURS in found}
    peers = {name: version(name) for name in ("optuna", "pymoo", "scipy")}
    flat = [row for each in rows.values() for row in each]
    reporting.save("benchmarks.search_quality", arguments, flat, peers=peers, hypervolumes=known)
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=20, threads=1)
    parser.add_argument("--evaluations", type=int, default=200, help="evaluations of each run")
    names = ",".join(problem.__name__ for problem in PROBLEMS)
    parser.add_argument("--problems", default=names, help=f"where to search, out of {names}")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    measure(arguments)


if __name__ == "__main__":
    main()
