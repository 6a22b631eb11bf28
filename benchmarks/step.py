"""python -m benchmarks.step: what a distillation step costs, against a plain step of the same student, trick by trick.

All rows train copies of one student on the same batches in one process, in turns. ``ratio`` is the median over the
turns of a row's time by the first row's time in the same turn, so that a machine that slows down slows both. Compiling
the teacher takes about a minute, before the turns begin; ``--no-compile`` leaves it out.
"""

from argparse import Namespace
from copy import deepcopy
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import torch

from benchmarks import naive, reporting
from benchmarks.naive import Step
from benchmarks.networks import Networks, add_arguments, learner_step, networks
from uniads.knowledge import Batch
from uniads.learner.compiling import DEFAULT, can_compile
from uniads.learner.frozen import Frozen
from uniads.teacher.store import TeacherStore

TURNS = 4
"""Batches that the turns go through, again and again."""


def store(made: Networks, batch: int, folder: Path, taps: tuple[int, ...], dtype: str = "float32") -> TeacherStore:
    """A store of the teacher's answers."""
    return TeacherStore(Frozen(deepcopy(made.teacher)), folder, made.data.train(batch), taps, 4, dtype)


def tricks(made: Networks) -> dict[str, Step]:
    """KD from the naive step to this package's, one trick more in each row."""
    rows = {"KD, naive": naive.distillation_step(made.own(), made.teacher, made.distiller("kd"), made.recipe)}
    for kept, name in (
        ((), "KD, Learner, no trick"),
        (("layout",), "KD, + channels last"),
        (("layout", "optimizer"), "KD, + fused optimizer"),
    ):
        rows[name] = _within(kept, made)
    return rows


def _within(kept: tuple[str, ...], made: Networks) -> Step:
    """A learner's step, made and first run with these tricks alone: what is made then stays as it is."""
    with naive.switched_off(*kept):
        step = learner_step(made.own(), Frozen(deepcopy(made.teacher)), made.distiller("kd"), made.recipe)
        step(next(iter(made.data.train(2))))
    return step


def steps(arguments: Namespace, made: Networks, folder: Path) -> dict[str, Step]:
    """The rows to measure, by name; the first is what the others are compared with."""
    recipe, size = made.recipe, arguments.batch
    rows: dict[str, Step] = {
        "plain student, eager": naive.plain_step(made.own(), recipe),
        "plain student, Learner": learner_step(made.own(), None, made.distiller("plain"), recipe),
        **tricks(made),
    }
    if arguments.compile and can_compile():
        for precision, name in ((torch.float32, "compiled teacher"), (torch.bfloat16, "compiled teacher in bfloat16")):
            compiled = Frozen(deepcopy(made.teacher), precision, DEFAULT)
            rows[f"KD, + {name}"] = learner_step(made.own(), compiled, made.distiller("kd"), recipe)
    half = Frozen(deepcopy(made.teacher), torch.bfloat16)
    mixed = Frozen(deepcopy(made.teacher), torch.bfloat16)
    rows["KD, + teacher in bfloat16"] = learner_step(made.own(), half, made.distiller("kd"), recipe)
    rows["KD, all in bfloat16"] = learner_step(made.own(), mixed, made.distiller("kd"), recipe, half=True)
    rows["KD, store"] = learner_step(made.own(), store(made, size, folder / "kd", ()), made.distiller("kd"), recipe)
    viewed = made._replace(data=networks(arguments, TURNS * size, views=2).data)
    seen = store(viewed, size, folder / "views", ())
    rows["KD, store, 2 views"] = learner_step(made.own(), seen, made.distiller("kd"), recipe)
    searched = made.distiller("searched")
    rows["three nodes, naive"] = naive.distillation_step(made.own(), made.teacher, deepcopy(searched), recipe)
    rows["three nodes, Learner"] = learner_step(made.own(), Frozen(deepcopy(made.teacher)), deepcopy(searched), recipe)
    for dtype in ("float32", "float16"):
        kept = store(made, size, folder / dtype, (3,), dtype)
        rows[f"three nodes, store, {dtype}"] = learner_step(made.own(), kept, deepcopy(searched), recipe)
    return rows


def seconds(step: Step, batch: Batch) -> float:
    """Wall time of one step."""
    begin = perf_counter()
    step(batch)
    return perf_counter() - begin


def measure(rows: dict[str, Step], batches: list[Batch], repeats: int) -> list[reporting.Row]:
    """Times of every row, all rows in each turn, after one turn that does not count."""
    times: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(repeats + 1):
        for name, step in rows.items():
            taken = seconds(step, batches[turn % len(batches)])
            if turn:
                times[name].append(taken)
    first = next(iter(times.values()))
    return [
        {
            "step": name,
            "median ms": 1e3 * median(taken),
            "ratio": median(mine / base for mine, base in zip(taken, first, strict=True)),
            "n": repeats,
        }
        for name, taken in times.items()
    ]


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=9, threads=2)
    add_arguments(parser)
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave out the compiled teacher")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    made = networks(arguments, TURNS * arguments.batch)
    with TemporaryDirectory() as folder:
        rows = steps(arguments, made, Path(folder))
        batches = [b for b in made.data.train(arguments.batch) if len(b.label) == arguments.batch][:TURNS]
        measured = measure(rows, batches, arguments.repeats)
    shape = f"batch {arguments.batch}, {made.data.size[0]}x{made.data.size[1]}, {arguments.threads} threads"
    reporting.show(f"{arguments.teacher} to {arguments.student}, {shape}", measured)
    reporting.save(
        "benchmarks.step", arguments, measured, images=list(made.data.size), ratio="to the first row, paired"
    )


if __name__ == "__main__":
    main()
