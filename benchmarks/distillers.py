"""python -m benchmarks.distillers: what a step with each distiller costs, against a step of the plain student.

All rows train copies of one student on the same batches in one process, in turns, with a frozen teacher that is asked
in every step. ``ratio`` is the median over the turns of a row's time by the plain student's in the same turn. CRD's
memories are those of CIFAR-100: 50,000 images of 100 classes. A step of MLKD is on two views of each image.
"""

from argparse import Namespace
from copy import deepcopy
from dataclasses import replace
from itertools import cycle

import torch

import uniads
from benchmarks import reporting
from benchmarks.naive import Step
from benchmarks.networks import CLASSES, Networks, add_arguments, learner_step, networks
from benchmarks.step import TURNS, measure
from uniads.distiller.base import Distiller
from uniads.distiller.context import context_for, example
from uniads.learner.frozen import Frozen
from uniads.model.base import Network, count_params

IMAGES = 50_000
NOT_PUBLISHED = ("plain", "searched", "balanced", "modern")
METHODS = tuple(name for name in uniads.options("distiller") if name not in NOT_PUBLISHED)


def steps(arguments: Namespace, made: Networks) -> tuple[dict[str, Step], dict[str, int]]:
    """The rows to measure by name, the plain student first, and the parameters that each trains beside the student."""
    frozen = Frozen(deepcopy(made.teacher))
    label = torch.arange(IMAGES) % CLASSES
    rows: dict[str, Step] = {}
    extra: dict[str, int] = {}
    for name in ["plain", *arguments.distillers.split(",")]:
        distiller: Distiller = uniads.build("distiller", name)
        own = made.own()
        size = count_params(own)
        student = distiller.dress(own, made.teacher, example(made.data))
        assert isinstance(student, Network)
        told = context_for(student, made.teacher, made.data, arguments.batch, made.own)
        distiller.adapt(replace(told, index_size=IMAGES, label=label))
        step = learner_step(student, frozen if distiller.needs_teacher else None, distiller, made.recipe)
        rows[name] = step if distiller.views == 1 else _on_both_views(step, made, arguments.batch, distiller)
        extra[name] = count_params(distiller) + count_params(student) - size
    return rows, extra


def _on_both_views(step: Step, made: Networks, size: int, distiller: Distiller) -> Step:
    """The same step on batches that have two views of as many images, whatever batch it is given."""
    batches = cycle(list(made.data.train(size, second_view=distiller.second_view))[:TURNS])
    return lambda _: step(next(batches))


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=9, threads=2)
    add_arguments(parser)
    parser.add_argument("--distillers", default=",".join(METHODS))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    made = networks(arguments, TURNS * arguments.batch)
    rows, extra = steps(arguments, made)
    batches = [b for b in made.data.train(arguments.batch) if len(b.label) == arguments.batch][:TURNS]
    measured = [
        {**row, "extra parameters": extra[str(row["step"])]} for row in measure(rows, batches, arguments.repeats)
    ]
    shape = f"batch {arguments.batch}, {made.data.size[0]}x{made.data.size[1]}, {arguments.threads} threads"
    reporting.show(f"{arguments.teacher} to {arguments.student}, {shape}", measured)
    reporting.save("benchmarks.distillers", arguments, measured, images=list(made.data.size), ratio="to plain, paired")


if __name__ == "__main__":
    main()
