"""python -m benchmarks.search_overhead: what a search costs beside training.

Two parts. The engine alone: milliseconds per trial with an objective that answers from a table, on a space of the
paper's shape. The whole command: two real searches on digits, run as a user runs them, with the basic launcher. Seconds
that are not training are the command's wall time less the seconds that its ledger records for the trials; they hold
imports, data, teacher, composing configurations, launching, ledger, logging and report. Two sizes tell what is paid
once from what every trial pays.

From both follows the share at the paper's scale, 200 candidates of CIFAR-100 with WRN-16-2 students: ``share`` is what
is beside by all, and ``epoch s`` how long one epoch of KD with stored answers takes here, from 10 steps; below
``epoch s at 2%`` the share would exceed 2%.
"""

import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import torch

from benchmarks import reporting
from benchmarks.epochs import STEPS as EPOCH_STEPS
from benchmarks.networks import learner_step, networks
from uniads.learner.frozen import Frozen
from uniads.search import (
    NSGA2,
    Algorithm,
    Halving,
    Ledger,
    Measure,
    Point,
    Random,
    RegularizedEvolution,
    Rejection,
    SearchSpace,
    Shrinkage,
    Value,
    per_point,
    search,
)
from uniads.search.algorithm.tpe import TPE
from uniads.search.ledger import read
from uniads.teacher.store import TeacherStore

SIZES = (4, 12)
"""Candidates of the two searches."""

CANDIDATES = 200
PAPER = Halving([3, 8, 24], [20, 8, 4])
"""Candidates, rungs and quotas of ``search=paper``."""

STEPS = 10

PARTS = [
    "+model@student=resnet8",
    "+model@teacher.model=resnet8",
    "teacher.recipe.epochs=1",
    "search=tiny",
    "space=architecture",
    "launcher=basic",
    "final=false",
]


def paper_like() -> SearchSpace:
    """Four genes of an architecture, and four for each of three kinds of knowledge."""
    architecture: dict[str, Sequence[Value]] = {
        "blocks.0": [1, 3, 5, 7],
        "blocks.1": [1, 3, 5, 7],
        "blocks.2": [1, 3, 5, 7],
        "width": [0.5, 1, 1.5, 2],
    }
    node: dict[str, Sequence[Value]] = {
        "transform": [f"transform{number}" for number in range(12)],
        "distance": [f"distance{number}" for number in range(8)],
        "weight": [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 16, 50, 100],
        "tau": [1, 4, 8, 16],
    }
    nodes = {f"{kind}.{key}": values for kind in ("feature", "embedding", "logits") for key, values in node.items()}
    return SearchSpace({f"student.{key}": values for key, values in architecture.items()} | nodes)


def table(point: Point, epochs: int) -> dict[str, float]:
    """An outcome without any training: deeper, wider and longer is better."""
    blocks = sum(float(str(point[f"student.blocks.{stage}"])) for stage in range(3))
    params = 1e4 * blocks * float(str(point["student.width"])) ** 2
    return {"val_loss": 1 / epochs + 1e3 / params + abs(float(str(point["logits.weight"])) - 1) / 100, "params": params}


ALGORITHMS: dict[str, Callable[[SearchSpace, int], Algorithm]] = {
    "nsga2": NSGA2,
    "random": Random,
    "regularized_evolution": RegularizedEvolution,
    "tpe": TPE,
}


def engine_seconds(algorithm: str, file: Path | None, seed: int) -> tuple[float, int]:
    """Seconds and trials of a search with the paper's budget, answered by a table."""
    space = paper_like()
    measures = (Measure("val_loss"), Measure("params", 7e5))
    ledger = Ledger(file)
    begin = perf_counter()
    result = search(
        space,
        per_point(space, table),
        ALGORITHMS[algorithm](space, seed),
        PAPER,
        measures=measures,
        candidates=CANDIDATES,
        rejection=Rejection(),
        shrinkage=Shrinkage(),
        ledger=ledger,
    )
    taken = perf_counter() - begin
    ledger.close()
    return taken, len(result.trials)


def engine_rows(arguments: Namespace, folder: Path) -> list[reporting.Row]:
    """The engine's time per trial and search, with the ledger in memory and on disk."""
    rows: list[reporting.Row] = []
    for algorithm, place in product(ALGORITHMS, ("memory", "disk, fsynced")):
        names = [f"{algorithm}-{turn}.jsonl" for turn in range(arguments.repeats)]
        files = [folder / name if place != "memory" else None for name in names]
        searches = [engine_seconds(algorithm, file, arguments.seed + turn) for turn, file in enumerate(files)]
        taken = [1e3 * seconds / trials for seconds, trials in searches]
        rows.append(
            {
                "algorithm": algorithm,
                "ledger": place,
                "ms per trial": median(taken),
                "lowest": min(taken),
                "highest": max(taken),
                "s per search": median(seconds for seconds, _ in searches),
                "n": len(taken),
            }
        )
    return rows


def command_seconds(candidates: int, threads: int, folder: Path) -> tuple[float, float, int]:
    """Wall seconds of a search command, seconds of its trials, and how many trials there were."""
    run = folder / f"search-{candidates}"
    places = [f"paths.teacher_dir={folder / 'teachers'}", f"paths.output_dir={folder}", f"hydra.run.dir={run}"]
    settings = [f"search.candidates={candidates}", f"threads={threads}", *places]
    begin = perf_counter()
    subprocess.run(
        [sys.executable, "-m", "uniads.search", *PARTS, *settings],
        check=True,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"WANDB_MODE": "offline"},
    )
    wall = perf_counter() - begin
    _, trials = read(run / "ledger.jsonl")
    return wall, sum(trial.seconds for trial in trials), len(trials)


def command_rows(arguments: Namespace, folder: Path) -> list[reporting.Row]:
    """The two searches, and what follows for each trial and for the start."""
    command_seconds(2, arguments.threads, folder)  # trains the teacher, which the others find
    rows: list[reporting.Row] = []
    beside: list[tuple[int, float]] = []
    for candidates in SIZES:
        wall, training, trials = command_seconds(candidates, arguments.threads, folder)
        beside.append((trials, wall - training))
        rows.append(
            {
                "search": f"{candidates} candidates",
                "trials": trials,
                "wall s": wall,
                "in trials s": training,
                "beside s": wall - training,
                "beside s per trial": (wall - training) / trials,
            }
        )
    (few, less), (many, more) = beside
    each = (more - less) / (many - few)
    rows.append(
        {
            "search": "the difference",
            "trials": many - few,
            "wall s": float(str(rows[1]["wall s"])) - float(str(rows[0]["wall s"])),
            "in trials s": float(str(rows[1]["in trials s"])) - float(str(rows[0]["in trials s"])),
            "beside s": more - less,
            "beside s per trial": each,
        }
    )
    return rows


def paper_row(arguments: Namespace, folder: Path, once: float, each: float) -> reporting.Row:
    """The share of what is not training, with the paper's budget on CIFAR-100.

    Args:
        arguments: with ``threads`` and ``seed``.
        folder: for a store.
        once: seconds that a search takes beside its trials.
        each: seconds that every trial adds to them.
    """
    torch.set_num_threads(arguments.threads)
    pair = Namespace(teacher="wrn_40_2", student="wrn_16_2", batch=64, seed=arguments.seed)
    made = networks(pair, 2 * pair.batch)
    loader = made.data.train(pair.batch)
    store = TeacherStore(Frozen(made.teacher), folder / "store", made.data.train(pair.batch), (), 4)
    step, batch = learner_step(made.own(), store, made.distiller("kd"), made.recipe), next(iter(loader))
    step(batch)
    begin = perf_counter()
    for _ in range(STEPS):
        step(batch)
    epoch = EPOCH_STEPS * (perf_counter() - begin) / STEPS
    _, trials = engine_seconds("nsga2", None, arguments.seed)
    trained = PAPER.cost(CANDIDATES)
    beside = once + each * trials
    return {
        "candidates": CANDIDATES,
        "trials": trials,
        "epochs": trained,
        "beside s": beside,
        "epoch s": epoch,
        "share": beside / (beside + trained * epoch),
        "epoch s at 2%": 49 * beside / trained,
    }


def main() -> None:
    """Measure, print, write."""
    arguments = reporting.parser(__doc__, repeats=7, threads=1).parse_args()
    with TemporaryDirectory() as folder:
        engine = engine_rows(arguments, Path(folder))
        reporting.show("The engine alone, 200 candidates, 16 genes", engine)
        command = command_rows(arguments, Path(folder))
        reporting.show("The search command on digits, resnet8, basic launcher", command)
        each = float(str(command[-1]["beside s per trial"]))
        once = float(str(command[0]["beside s"])) - each * int(command[0]["trials"])
        paper = paper_row(arguments, Path(folder), once, each)
        reporting.show("The paper's budget on CIFAR-100, one job at a time", [paper])
    parts = {"engine": engine, "command": command, "paper": [paper]}
    rows = [{"part": part, **row} for part, rows in parts.items() for row in rows]
    reporting.save("benchmarks.search_overhead", arguments, rows, overrides=PARTS)


if __name__ == "__main__":
    main()
