"""The same work without this package's tricks, so that both can be measured in one run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from torch import Tensor, nn
from torch.nn import functional as F

import uniads.bridge.launch
import uniads.learner.frozen
import uniads.learner.learner
import uniads.teacher.source
from uniads.distiller.base import Distiller
from uniads.knowledge import Batch
from uniads.model.base import AUTO, Network
from uniads.recipe import Recipe

Step = Callable[[Batch], object]


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down the gradient of a loss."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def sgd(recipe: Recipe, parameters: list[nn.Parameter]) -> torch.optim.SGD:
    """The recipe's optimizer as torch makes it by default."""
    return torch.optim.SGD(
        parameters, recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=recipe.nesterov
    )


def plain_step(student: Network, recipe: Recipe) -> Step:
    """Cross-entropy as anyone would write it, in the default memory format."""
    optimizer = sgd(recipe, list(student.parameters()))

    def step(batch: Batch) -> None:
        update(optimizer, F.cross_entropy(student(batch.image.contiguous()).logits, batch.label))

    return step


def distillation_step(student: Network, teacher: Network, distiller: Distiller, recipe: Recipe) -> Step:
    """Distillation as anyone would write it, in the default memory format; the teacher builds no graph."""
    optimizer = sgd(recipe, [*student.parameters(), *distiller.parameters()])

    def step(batch: Batch) -> None:
        image = batch.image.contiguous()
        with torch.no_grad():
            answer = teacher(image)
        mine = student(image)
        loss = distiller.task * F.cross_entropy(mine.logits, batch.label)
        update(optimizer, loss + sum(distiller(mine, answer, batch).values()))

    return step


def contiguous(network: nn.Module, choice: str = AUTO) -> torch.memory_format:
    """The default memory layout, whatever would be faster."""
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return torch.contiguous_format


@contextmanager
def switched_off(*keep: str) -> Iterator[None]:
    """This process without the tricks: memory layout, optimizer, store and composition.

    Args:
        keep: names of tricks that stay: ``layout``, ``optimizer``, ``store``, ``composition``.
    """
    tricks: dict[str, list[tuple[Any, str, Any]]] = {
        "layout": [(uniads.learner.learner, "lay_out", contiguous), (uniads.learner.frozen, "lay_out", contiguous)],
        "optimizer": [(Recipe, "optimizer", lambda recipe, parameters, fused=True: sgd(recipe, list(parameters)))],
        "store": [(uniads.teacher.source, "TeacherStore", lambda teacher, *more: teacher)],
        "composition": [(uniads.bridge.launch, "Composition", ConfigLoaderImpl)],
    }
    swapped = [swap for name, swaps in tricks.items() if name not in keep for swap in swaps]
    before = [getattr(owner, name) for owner, name, _ in swapped]
    try:
        for owner, name, plain in swapped:
            setattr(owner, name, plain)
        yield
    finally:
        for (owner, name, _), kept in zip(swapped, before, strict=True):
            setattr(owner, name, kept)
