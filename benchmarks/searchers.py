"""python -m benchmarks.searchers --problem distillation --epochs 200: two-objective searchers at equal epochs.

UniADS's searches beside those of NePS, Syne Tune, Optuna and SMAC, on the problems with rungs that
``benchmarks.multi_fidelity`` states. Each may spend the same epochs. A training that goes on from a lower rung costs
the further epochs alone, with everybody; UniADS's own schedules count so too. What does not fit into the rest is
refused and ends the search.

``UniADS quick`` and ``UniADS paper`` are ``search=quick``, the default, and ``search=paper``: NSGA-II with its guide,
halving in generations with their quotas, rejection and shrinkage, moved to these rungs. ``no guide`` is the same with
``search.algorithm.guide=null``, ``random`` is ``search=random`` with the schedule of ``paper``. What serves a real
search alone is left out: warm starts, a cap on parameters, and second trainings in the end. ``one epoch first`` spends
half of the epochs on random candidates, one each, and trains the best k by front and crowding distance to the end
(arXiv:2307.15422). The others are described in ``benchmarks.peers``; those that are not installed are left out.

Where the cost of a point is known without a training, as a size is, UniADS makes use of it, which nobody else can be
told. Two rows say what that is worth: UniADS with ``cost not told``, and ``one epoch first, cost told``, each of whose
candidates is the cheapest of ten random points.

Measured is the hypervolume of the true values, without noise, of the candidates that a searcher trained to the highest
rung; ``at half`` counts those that it had trained so far within half of the epochs (``one epoch first`` has none by
then; it has to know its budget). Intervals are 95% bootstrap intervals of the median, ``rank`` is the mean over seeds,
p Wilcoxon's signed-rank test against the first row, paired by seed, adjusted by Holm's method. A table shows the seeds
that all its searchers have ended; where some have ended fewer, a second one leaves them out.

Rows are kept as they come, and the same command goes on after the last. Problems are drawn from the seed, so seeds are
problems: those from 1000 on were used to make this, those from 0 on are for reporting.

The packages come with ``pip install uniads[peers]``, but for NePS, whose pins contradict UniADS's own: ``uv pip install
neural-pipeline-search==0.17.0`` with an ``--override`` file that says ``jaxtyping>=0.3``.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import numpy as np
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from scipy import stats

from benchmarks import reporting
from benchmarks.multi_fidelity import NAMES, MultiFidelityProblem, Oracle, SpentError, Training, build_problem
from benchmarks.peers import PACKAGES, PEERS, Searcher
from uniads.bridge.algorithm import build_algorithm
from uniads.bridge.player import Player, build_player
from uniads.options import conf_dir
from uniads.report.comparison.standing import adjust_p_values, bootstrap_median
from uniads.search import Genome, Measure, Trial, pareto, search
from uniads.search.replay.contest import GUARD

OURS = "UniADS quick"
SIZE_GENES = "search.shrinkage.spare=[student.,blocks.,width]"
"""As with real students, the genes that decide a size keep equal weights."""


@cache
def compose(option: str, rungs: tuple[int, ...]) -> Player:
    """A search as the command line has it, on these rungs."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return build_player(f"{option} {SIZE_GENES}", rungs, GlobalHydra.instance().config_loader())


def uniads(option: str, told: bool = True) -> Searcher:
    """One of ours.

    Args:
        option: of ``conf/search``, with overrides.
        told: whether it may ask for what is known without a training.
    """

    def searcher(oracle: Oracle, seed: int) -> None:
        problem = oracle.problem
        player = compose(option, problem.rungs)
        worst_loss, worst_cost = problem.reference
        measures = [Measure("loss", reference=worst_loss), Measure("cost", reference=worst_cost)]
        known = problem.known if told else lambda genome: {}
        search(
            problem.space,
            _Trainings(oracle),
            build_algorithm(player.algorithm(seed=seed), problem.space, (), measures, known),
            player.schedule,
            measures=measures,
            candidates=ceil(oracle.budget) * GUARD,
            max_epochs=oracle.budget,
            rejection=player.rejection,
            shrinkage=player.shrinkage,
            seed=seed,
        )

    return searcher


class _Trainings:
    """An oracle as the objective of our search."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._trainings: dict[str, Training] = {}

    def __call__(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            training = self._trainings.setdefault(trial.candidate, Training(trial.genome))
            loss, cost = self._oracle.train(training, trial.epochs)
            if training.stopped is None:
                yield trial.completed({"loss": loss, "cost": cost})
            else:
                yield trial.rejected("stopped in training", {"epochs": trial.start + training.stopped})


def one_epoch_first(told: bool = False) -> Searcher:
    """Half of the epochs for random candidates at the lowest rung, the rest to train the best of them in full.

    Args:
        told: whether each candidate is the one of the lowest known cost out of ten random points.
    """

    def searcher(oracle: Oracle, seed: int) -> None:
        rng, low = Random(f"one-epoch-{seed}"), oracle.problem.rungs[0]
        genomes = [oracle.space.draw(rng) for _ in range(oracle.budget // 2 // low)]
        if told:
            genomes = [_cheapest(oracle, [genome, *(oracle.space.draw(rng) for _ in range(9))]) for genome in genomes]
        trainings = [Training(genome) for genome in genomes]
        values = [oracle.train(training, low) for training in trainings]
        for position in pareto.order(values, [training.genome for training in trainings]):
            if trainings[position].stopped is None:
                oracle.train(trainings[position], oracle.top)

    return searcher


def _cheapest(oracle: Oracle, genomes: Sequence[Genome]) -> Genome:
    return min(genomes, key=lambda genome: oracle.problem.known(genome).get("cost", 0.0))


OWN: Mapping[str, Searcher] = {
    OURS: uniads("quick"),
    "UniADS paper": uniads("paper"),
    "UniADS quick, cost not told": uniads("quick", told=False),
    "UniADS quick, no guide": uniads("quick search.algorithm.guide=null"),
    "UniADS paper, no guide": uniads("paper search.algorithm.guide=null"),
    "UniADS random": uniads("paper algorithm@search.algorithm=random"),
    "one epoch first": one_epoch_first(),
    "one epoch first, cost told": one_epoch_first(told=True),
}


def run(searcher: Searcher, problem: MultiFidelityProblem, seed: int, epochs: int) -> Oracle:
    """Search until the epochs are spent; the oracle knows what was found."""
    oracle = Oracle(problem, seed, epochs)
    with suppress(SpentError):
        searcher(oracle, seed)
    return oracle


def measure(name: str, searcher: Searcher, arguments: Namespace, seed: int) -> dict[str, str | int | float]:
    """One row: a searcher's run with a seed."""
    begin = perf_counter()
    oracle = run(searcher, build_problem(arguments.problem, seed), seed, arguments.epochs)
    return {
        "problem": arguments.problem,
        "epochs": arguments.epochs,
        "searcher": name,
        "seed": seed,
        "hypervolume": oracle.hypervolume(),
        "at half": oracle.hypervolume(arguments.epochs / 2),
        "in full": len(oracle.finished),
        "spent": oracle.spent,
        "seconds": perf_counter() - begin,
    }


def list_searchers(wanted: Sequence[str]) -> dict[str, Searcher]:
    """The searchers that can run here; says which can't."""
    found = dict(OWN)
    for name, (module, searcher) in PEERS.items():
        if find_spec(module):
            found[name] = searcher
        else:
            print(f"{name} is left out: {module} is not installed")
    return {name: searcher for name, searcher in found.items() if not wanted or name in wanted}


def tables(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[reporting.Row]]]:
    """For each problem and number of epochs a title and how the searchers stand."""
    for problem, epochs in dict.fromkeys((row["problem"], row["epochs"]) for row in rows):
        runs: dict[str, dict[int, Mapping[str, Any]]] = {}
        for row in rows:
            if (row["problem"], row["epochs"]) == (problem, epochs):
                runs.setdefault(row["searcher"], {})[row["seed"]] = row
        most = max(len(by_seed) for by_seed in runs.values())
        slow = {name for name, by_seed in runs.items() if len(by_seed) < most}
        for names, title in ((runs.keys(), "all"), (runs.keys() - slow, "those with most seeds")):
            seeds = sorted(set.intersection(*(set(runs[name]) for name in names)))
            if seeds and (slow or title == "all"):
                listed = [name for name in (*OWN, *PEERS) if name in names]
                rows_of = [(name, [runs[name][seed] for seed in seeds]) for name in listed]
                yield f"{problem}, {epochs} epochs, {title}", stand(rows_of)


def stand(runs: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> list[reporting.Row]:
    """A row for each searcher; the first one is what the others are tested against."""
    volumes = np.array([[float(row["hypervolume"]) for row in rows] for _, rows in runs])
    ranks = stats.rankdata(-volumes, axis=0).mean(axis=1)
    tests = [float(stats.wilcoxon(row, volumes[0]).pvalue) if (row != volumes[0]).any() else 1.0 for row in volumes[1:]]
    p_values = ["", *(f"{p:.2g}" for p in adjust_p_values(tests))]
    table: list[reporting.Row] = []
    for (name, rows), volume, rank, p in zip(runs, volumes, ranks, p_values, strict=True):
        low, high = bootstrap_median(volume)
        table.append(
            {
                "searcher": name,
                "median": float(np.median(volume)),
                "95%": f"{low:.3f} to {high:.3f}",
                "rank": float(rank),
                "p": p,
                "at half": float(np.median([row["at half"] for row in rows])),
                "in full": float(np.median([row["in full"] for row in rows])),
                "seconds": float(np.median([row["seconds"] for row in rows])),
                "n": len(rows),
            }
        )
    return table


def versions() -> dict[str, str]:
    """Of the packages whose searchers run here."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def main() -> None:
    """Search, keep, compare."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--problem", choices=NAMES, default="distillation")
    parser.add_argument("--repeats", type=int, default=30, help="seeds, those of earlier runs included")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--epochs", type=int, default=200, help="that each searcher may spend")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="searchers to run; all by default")
    parser.add_argument("--json", type=Path, help="where the rows are kept")
    arguments = parser.parse_args()
    # A row says its problem, epochs and seed, so that all of them may share a file.
    rows = reporting.resume(arguments, *vars(arguments)).get("rows", [])
    known = {(row["problem"], row["epochs"], row["searcher"], row["seed"]) for row in rows}
    searchers = list_searchers(arguments.only)
    for seed in range(arguments.seed, arguments.seed + arguments.repeats):
        for name, searcher in searchers.items():
            if (arguments.problem, arguments.epochs, name, seed) not in known:
                rows.append(dict(reporting.rounded_row(measure(name, searcher, arguments, seed))))
                reporting.save("benchmarks.searchers", arguments, rows, peers=versions())
    found = dict(tables(rows))
    listed = [reporting.rounded_row({"table": title, **row}) for title, table in found.items() for row in table]
    reporting.save("benchmarks.searchers", arguments, rows, peers=versions(), tables=listed)
    for title, table in found.items():
        reporting.show(title, table)


if __name__ == "__main__":
    main()
