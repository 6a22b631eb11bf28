"""The pair that the step is measured with, and the steps of this package's trainings."""

from argparse import ArgumentParser, Namespace
from copy import deepcopy
from typing import NamedTuple

import torch

import uniads
from benchmarks.naive import Step, update
from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.distiller.context import context_for
from uniads.knowledge import Batch
from uniads.learner.frozen import TeacherSource
from uniads.learner.learner import Learner
from uniads.model.base import Network
from uniads.recipe import Recipe

CLASSES = 100


class Networks(NamedTuple):
    """A teacher, a student that is copied for every row, and how it is trained."""

    teacher: Network
    student: Network
    recipe: Recipe
    data: Data

    def own(self) -> Network:
        """A student of its own."""
        return deepcopy(self.student)

    def distiller(self, name: str) -> Distiller:
        """A distiller with its adapters, on the device of the networks."""
        made: Distiller = uniads.build("distiller", name)
        student, teacher = self.own().cpu(), deepcopy(self.teacher).cpu()  # as in a training, moved when it is made
        made.adapt(context_for(student, teacher, self.data, self.recipe.batch_size, lambda: self.own().cpu()))
        return made.to(next(self.teacher.parameters()).device)


def add_arguments(parser: ArgumentParser) -> None:
    """Which pair, and how large a batch."""
    parser.add_argument("--teacher", default="wrn_40_2")
    parser.add_argument("--student", default="wrn_16_2")
    parser.add_argument("--batch", type=int, default=64)


def networks(arguments: Namespace, images: int, device: str = "cpu", **data: object) -> Networks:
    """The pair and fake images of 32x32 pixels in 100 classes.

    Args:
        arguments: with ``teacher``, ``student``, ``batch`` and ``seed``.
        images: at least so many to train on.
        device: where the networks are.
        data: more settings of the data.
    """
    torch.manual_seed(arguments.seed)
    teacher: Network = uniads.build("model", arguments.teacher, num_classes=CLASSES).eval().requires_grad_(False)
    student: Network = uniads.build("model", arguments.student, num_classes=CLASSES)
    size = max(images * 10 // 9 + CLASSES, 2 * CLASSES)
    made: Data = uniads.build("data", "fake", num_classes=CLASSES, train_size=size, test_size=CLASSES, **data)
    recipe: Recipe = uniads.build("recipe", "crd", batch_size=arguments.batch)
    return Networks(teacher.to(device), student.to(device), recipe, made)


def learner_step(
    student: Network,
    teacher: TeacherSource | None,
    distiller: Distiller,
    recipe: Recipe,
    half: bool = False,
    graphs: bool = False,
) -> Step:
    """A step as a training of this package runs it, Lightning's loop apart.

    Args:
        student: trained in place.
        teacher: asked in every step.
        distiller: on the student's device.
        recipe: for its optimizer.
        half: whether its layers compute in bfloat16, as with ``dtype=bfloat16``.
        graphs: whether the student is compiled as CUDA graphs.
    """
    device = next(student.parameters()).device
    dtype = torch.bfloat16 if half else torch.float32
    learner = Learner(student, distiller, recipe, recipe.epochs, CLASSES, teacher, dtype=dtype).to(device)
    learner.graphs = graphs
    optimizer = recipe.build_optimizer([*learner.student.parameters(), *distiller.parameters()])

    def step(batch: Batch) -> None:
        update(optimizer, learner.training_step(batch, 0)["loss"])

    return step
