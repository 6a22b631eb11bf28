"""A teacher, a student and a distiller in a training loop of your own; Lightning and Hydra take no part.

Trains a small ResNet on handwritten digits, and then a narrower one on its labels and on the teacher's knowledge of
the same images. The loss is the published KD; any other name of ``uniads.options("distiller")`` works as well.

    python examples/plain_loop.py
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import uniads
from uniads.data.base import Data
from uniads.distiller.base import Context

EPOCHS = 4


def train(modules: Sequence[nn.Module], data: Data, loss: Callable[[uniads.Batch], Tensor]) -> None:
    """Train a network, and the adapters of its distiller, on a loss of a batch."""
    parameters = [parameter for module in modules for parameter in module.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=5e-4)
    loader = data.train(batch_size=64)
    for epoch in range(EPOCHS):
        loader.set_epoch(epoch)
        for batch in loader:
            optimizer.zero_grad()
            loss(batch).backward()
            optimizer.step()


@torch.no_grad()
def measure_accuracy(network: nn.Module, data: Data) -> float:
    """Top-1 accuracy on the test set, 0 to 1."""
    right = [network.eval()(batch.image).logits.argmax(1) == batch.label for batch in data.test(256)]
    return torch.cat(right).float().mean().item()


def main() -> None:
    """Train teacher and student, and print what they reach."""
    torch.manual_seed(0)
    data = uniads.build("data", "digits")
    shape = {"num_classes": data.num_classes, "in_channels": data.channels}
    teacher = uniads.build("model", "resnet8", **shape)
    train([teacher], data, lambda batch: F.cross_entropy(teacher.train()(batch.image).logits, batch.label))
    print(f"teacher: {measure_accuracy(teacher, data):.3f}")

    student = uniads.build("model", "resnet8", width=0.5, **shape)
    distiller = uniads.build("distiller", "kd")
    distiller.adapt(Context.of(student, teacher, next(iter(data.train(2))).image))

    def loss(batch: uniads.Batch) -> Tensor:
        with torch.no_grad():
            taught = teacher.eval()(batch.image)
        known = student.train()(batch.image)
        terms = distiller(known, taught, batch)  # weighted already
        return distiller.task * F.cross_entropy(known.logits, batch.label) + sum(terms.values())

    train([student, distiller], data, loss)
    print(f"student: {measure_accuracy(student, data):.3f} with {distiller.formula()}")


if __name__ == "__main__":
    main()
