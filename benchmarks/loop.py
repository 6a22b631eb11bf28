"""python -m benchmarks.loop: what surrounds the steps of an epoch: Lightning's loop, the loader, the set-up of a trial.

An epoch of KD is run bare (a for loop over the batches), as a trial runs it, and by the loader alone, in turns.
``share`` is the median over the turns of a row's time by the bare epoch's time in the same turn.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch

from benchmarks import reporting
from benchmarks.networks import CLASSES, Networks, add_arguments, learner_step, networks
from uniads import configure
from uniads.learner.frozen import Frozen
from uniads.learner.learner import Learner
from uniads.learner.loop import train_quietly
from uniads.settings.trainer import TrainerSettings

Epoch = Callable[[], object]


def settings() -> TrainerSettings:
    """The trainer's settings, on the CPU."""
    return configure("trainer.accelerator=cpu").trainer


def epochs(made: Networks, batch: int) -> dict[str, Epoch]:
    """One epoch in each way; the first is what the others are compared with."""
    teacher = Frozen(made.teacher)
    bare = learner_step(made.own(), teacher, made.distiller("kd"), made.recipe)
    learner = Learner(made.own(), made.distiller("kd"), made.recipe, 1, CLASSES, teacher)
    loader = made.data.train(batch)
    recipe = settings()

    def steps() -> None:
        for each in loader:
            bare(each)

    def trial() -> None:
        train_quietly(learner, made.data, recipe, 1, None, [])

    def score() -> None:
        from uniads.learner.loop import score

        score(learner, made.data, "val", recipe)

    def batches() -> None:
        for _ in loader:
            pass

    return {"steps alone": steps, "a trial": trial, "its validation": score, "the loader alone": batches}


def measure(rows: dict[str, Epoch], repeats: int) -> dict[str, list[float]]:
    """Seconds of each way, all of them in each turn, after one turn that does not count."""
    times: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(repeats + 1):
        for name, epoch in rows.items():
            begin = perf_counter()
            epoch()
            if turn:
                times[name].append(perf_counter() - begin)
    return times


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=5, threads=1)
    add_arguments(parser)
    parser.set_defaults(teacher="resnet20", student="resnet8")
    parser.add_argument("--images", type=int, default=1024)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    made = networks(arguments, max(arguments.images, 10 * CLASSES))  # or no image is held out
    times = measure(epochs(made, arguments.batch), arguments.repeats)
    bare, steps = times["steps alone"], len(made.data.train(arguments.batch))
    rows: list[reporting.Row] = [
        {
            "epoch": name,
            "seconds": median(taken),
            "ms per step": 1e3 * median(taken) / steps,
            "share": median(mine / base for mine, base in zip(taken, bare, strict=True)),
            "n": arguments.repeats,
        }
        for name, taken in times.items()
    ]
    reporting.show(f"an epoch of {steps} steps, {arguments.teacher} to {arguments.student}", rows)
    reporting.save("benchmarks.loop", arguments, rows, steps=steps)


if __name__ == "__main__":
    main()
