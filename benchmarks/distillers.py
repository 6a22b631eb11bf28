"""python -m benchmarks.distillers: what a step with each distiller costs, against a step of the plain student.

All rows train copies of one student on the same batches in one process, in turns, with a frozen teacher that is asked
in every step. ``ratio`` is the median over the turns of a row's time by the plain student's in the same turn. CRD's
memories are those of CIFAR-100: 50,000 images of 100 classes.
"""

import copy
from argparse import Namespace
from dataclasses import replace

import torch

import uniads
from benchmarks import reporting
from benchmarks.step import CLASSES, TURNS, Step, context, learner_step, measure
from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.frozen import Frozen
from uniads.model.base import Network, count_params
from uniads.recipe import Recipe

IMAGES = 50_000


def steps(arguments: Namespace, data: Data) -> tuple[dict[str, Step], dict[str, int]]:
    """The rows to measure by name, the plain student first, and the parameters that each trains beside the student."""
    torch.manual_seed(arguments.seed)
    recipe: Recipe = uniads.build("recipe", "crd")
    teacher: Network = uniads.build("model", arguments.teacher, num_classes=CLASSES).eval().requires_grad_(False)
    student: Network = uniads.build("model", arguments.student, num_classes=CLASSES)
    label = torch.arange(IMAGES) % CLASSES
    told = replace(context(student, teacher, data, arguments.batch), index_size=IMAGES, label=label)
    frozen = Frozen(copy.deepcopy(teacher))
    rows: dict[str, Step] = {}
    extra: dict[str, int] = {}
    for name in ["plain", *arguments.distillers.split(",")]:
        distiller: Distiller = uniads.build("distiller", name)
        mine = copy.deepcopy(student)
        if distiller.needs_teacher:
            distiller.adapt(replace(told, student=mine))
        rows[name] = learner_step(mine, frozen if distiller.needs_teacher else None, distiller, recipe)
        extra[name] = count_params(distiller)
    return rows, extra


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=9, threads=2)
    parser.add_argument("--teacher", default="wrn_40_2")
    parser.add_argument("--student", default="wrn_16_2")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--distillers", default="kd,fitnet,at,sp,cc,rkd,crd,dist,srrl,semckd")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    images = 2 * max(TURNS * arguments.batch, CLASSES)
    data: Data = uniads.build("data", "fake", num_classes=CLASSES, train_size=images, test_size=CLASSES)
    rows, extra = steps(arguments, data)
    batches = [batch for batch in data.train(arguments.batch) if len(batch.label) == arguments.batch][:TURNS]
    measured = [
        {**row, "extra parameters": extra[str(row["step"])]} for row in measure(rows, batches, arguments.repeats)
    ]
    shape = f"batch {arguments.batch}, {data.size[0]}x{data.size[1]}, {arguments.threads} threads"
    reporting.show(f"{arguments.teacher} to {arguments.student}, {shape}", measured)
    reporting.save("benchmarks.distillers", arguments, measured, images=list(data.size), ratio="to plain, paired")


if __name__ == "__main__":
    main()
