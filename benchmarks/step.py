"""python -m benchmarks.step: what a distillation step costs, against a plain step of the same student.

All rows train copies of one student on the same batches in one process, in turns. ``ratio`` is the median over the
turns of a row's time by the first row's time in the same turn, so that a machine that slows down slows both.
"""

import copy
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional as F

import uniads
from benchmarks import reporting
from uniads.data.base import Data
from uniads.distiller.base import Context, Distiller
from uniads.fit import knowledge_of
from uniads.frozen import Frozen, Teacher, TeacherStore
from uniads.knowledge import Batch
from uniads.learner import Learner
from uniads.model.base import Network
from uniads.recipe import Recipe

CLASSES = 100
TURNS = 4
"""Batches that the turns go through, again and again."""

Step = Callable[[Batch], object]


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down the gradient of a loss."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def plain_step(student: Network, recipe: Recipe) -> Step:
    """Cross-entropy as anyone would write it, in the default memory format."""
    optimizer = recipe.optimizer(student.parameters())

    def step(batch: Batch) -> None:
        update(optimizer, F.cross_entropy(student(batch.image.contiguous()).logits, batch.label))

    return step


def naive_step(student: Network, teacher: Network, distiller: Distiller, recipe: Recipe) -> Step:
    """Distillation as anyone would write it, in the default memory format; the teacher builds no graph."""
    optimizer = recipe.optimizer(student.parameters())

    def step(batch: Batch) -> None:
        image = batch.image.contiguous()
        with torch.no_grad():
            answer = teacher(image)
        mine = student(image)
        loss = distiller.task * F.cross_entropy(mine.logits, batch.label)
        update(optimizer, loss + sum(distiller(mine, answer, batch).values()))

    return step


def learner_step(student: Network, teacher: Teacher | None, distiller: Distiller, recipe: Recipe) -> Step:
    """A step as a training of this package runs it, Lightning's loop apart."""
    learner = Learner(student, distiller, recipe, recipe.epochs, CLASSES, teacher)
    optimizer = recipe.optimizer([*learner.student.parameters(), *distiller.parameters()])

    def step(batch: Batch) -> None:
        update(optimizer, learner.training_step(batch, 0)["loss"])

    return step


def context(student: Network, teacher: Network, data: Data, batch_size: int) -> Context:
    """What a distiller is told before a training on these data."""
    image = torch.zeros(2, data.channels, *data.size)
    label = data.label(train=True)
    example = Batch(image, label[:2], torch.arange(2))
    known, said = knowledge_of(student, image), knowledge_of(teacher, image)
    build = partial(copy.deepcopy, student)
    return Context(student, teacher, known, said, example, len(label), batch_size, build, label)


def steps(arguments: Namespace, data: Data, folder: Path) -> dict[str, Step]:
    """The rows to measure, by name; the first is what the others are compared with."""
    torch.manual_seed(arguments.seed)
    recipe: Recipe = uniads.build("recipe", "crd")
    teacher: Network = uniads.build("model", arguments.teacher, num_classes=CLASSES).eval().requires_grad_(False)
    student: Network = uniads.build("model", arguments.student, num_classes=CLASSES)
    frozen = Frozen(copy.deepcopy(teacher))
    stored = TeacherStore(frozen, folder, data.train(arguments.batch), features=False)

    def own() -> Network:
        return copy.deepcopy(student)

    def distiller(name: str) -> Distiller:
        made: Distiller = uniads.build("distiller", name)
        made.adapt(context(own(), teacher, data, arguments.batch))
        return made

    return {
        "plain student, eager": plain_step(own(), recipe),
        "plain student, Learner": learner_step(own(), None, distiller("plain"), recipe),
        "KD, eager": naive_step(own(), teacher, distiller("kd"), recipe),
        "KD, Learner": learner_step(own(), frozen, distiller("kd"), recipe),
        "KD, Learner, stored teacher": learner_step(own(), stored, distiller("kd"), recipe),
        "three nodes, Learner": learner_step(own(), frozen, distiller("searched"), recipe),
    }


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
    parser = reporting.parser(__doc__, repeats=15, threads=2)
    parser.add_argument("--teacher", default="wrn_40_2")
    parser.add_argument("--student", default="wrn_16_2")
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    images = TURNS * arguments.batch
    data: Data = uniads.build(
        "data", "fake", num_classes=CLASSES, train_size=2 * max(images, CLASSES), test_size=CLASSES
    )
    with TemporaryDirectory() as folder:
        rows = steps(arguments, data, Path(folder))
        batches = [batch for batch in data.train(arguments.batch) if len(batch.label) == arguments.batch][:TURNS]
        measured = measure(rows, batches, arguments.repeats)
    shape = f"batch {arguments.batch}, {data.size[0]}x{data.size[1]}, {arguments.threads} threads"
    reporting.show(f"{arguments.teacher} to {arguments.student}, {shape}", measured)
    reporting.save("benchmarks.step", arguments, measured, images=list(data.size), ratio="to the first row, paired")


if __name__ == "__main__":
    main()
