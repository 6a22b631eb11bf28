"""``check_network`` accepts a network that keeps its promises, and names the one that a broken network breaks."""

import inspect
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.testing import check_network, network


class Small(Network):
    """Two maps, their mean and a linear layer. Broken networks change one part of it."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.stage = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.head = nn.Linear(6, num_classes)

    def show(self, image: Tensor) -> Knowledge:
        stem = self.stem(image)
        stage = self.norm(self.stage(stem.relu()))
        embedding = stage.relu().mean((2, 3))
        return Knowledge((stem, stage), embedding, self.head(embedding))

    def forward(self, image: Tensor) -> Knowledge:
        return self.show(image)


class WrongEmbedding(Small):
    def forward(self, image: Tensor) -> Knowledge:
        known = self.show(image)
        return known._replace(embedding=known.features[-1].mean((2, 3)))


class LogitsAlone(Small):
    def forward(self, image: Tensor) -> Tensor:  # type: ignore[override]
        return self.show(image).logits


class FlatTaps(Small):
    def forward(self, image: Tensor) -> Knowledge:
        known = self.show(image)
        return known._replace(features=tuple(tap.flatten(2) for tap in known.features))


class TenClasses(Small):
    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(10, in_channels)


class Reversed(Small):
    def forward(self, image: Tensor) -> Knowledge:
        known = self.show(image)
        return known._replace(features=known.features[::-1])


class LooksAtTheBatch(Small):
    def forward(self, image: Tensor) -> Knowledge:
        return self.show(image - image.mean(0))


class Counts(Small):
    """Changes a buffer in evaluation."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(num_classes, in_channels)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, image: Tensor) -> Knowledge:
        self.calls += 1
        return self.show(image)


class Drops(Small):
    def forward(self, image: Tensor) -> Knowledge:
        return self.show(nn.functional.dropout(image, 0.5, training=len(image) == 2))


class Unused(Small):
    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(num_classes, in_channels)
        self.spare = nn.Linear(2, 2)


class Overwrites(Small):
    """A later operation, in place, spoils the map of the stem for the gradient."""

    def forward(self, image: Tensor) -> Knowledge:
        known = self.show(image)
        if image.requires_grad:
            known.features[1].mul_(0)
        return known


class NormOfOne(Small):
    """Not a number for two images in training."""

    def forward(self, image: Tensor) -> Knowledge:
        known = self.show(image)
        if self.training and len(image) == 2:
            known = known._replace(logits=known.logits / 0)
        return known


class Forgets(Small):
    """A weight that is in no state."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(num_classes, in_channels)
        self.register_buffer("shift", torch.rand(()), persistent=False)

    def forward(self, image: Tensor) -> Knowledge:
        return self.show(image + self.shift)


class WrongTail(Small):
    def tail(self) -> nn.Module:
        return nn.Sequential(self.stage, nn.AdaptiveAvgPool2d(1), nn.Flatten(), self.head)


BROKEN: dict[type[Small], str] = {
    WrongEmbedding: "the embedding of WrongEmbedding must be the input of the linear layer that makes its logits",
    LogitsAlone: "Knowledge",
    FlatTaps: r"must be of shape \(1, C, H, W\)|TypeCheckError",
    TenClasses: r"made for 7 classes and 3 channels must give logits of shape \(2, 7\), got \(2, 10\)",
    Reversed: r"must not grow from stem to end, got heights \[16, 32\]",
    LooksAtTheBatch: "must judge an image alone",
    Counts: "the state_dict of Counts must not change in evaluation",
    Drops: "Drops must give the same twice",
    Unused: r"must reach its parameter spare\.weight",
    Overwrites: "modified by an inplace operation|must have a finite gradient that is not 0",
    NormOfOne: "must be finite in training, for two images",
    Forgets: "another that loads its state must know the same",
    WrongTail: "the tail of WrongTail must make its logits",
}


def test_a_network_that_keeps_its_promises_passes() -> None:
    torch.manual_seed(0)
    check_network(Small)
    check_network(Small, size=9)


@pytest.mark.parametrize(("make", "sentence"), BROKEN.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_network_is_told_which_promise_it_breaks(make: Callable[..., Network], sentence: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match=sentence):
        check_network(make)


def test_every_promise_of_the_module_is_checked() -> None:
    written = {
        name
        for name, thing in inspect.getmembers(network, inspect.isfunction)
        if [*inspect.signature(thing).parameters] == ["make", "size"] and not name.startswith(("check_", "_"))
    }
    assert {promise.__name__ for promise in network.PROMISES} == written
    assert all(promise.__doc__ for promise in network.PROMISES)
