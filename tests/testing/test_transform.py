"""``check_transform`` accepts a transform that keeps its promises, and names the one that a broken transform breaks."""

import inspect
from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from uniads.error import UserError
from uniads.testing import check_transform, transform
from uniads.transform.base import RandomTransform, Transform


class Cube(Transform):
    def compute(self, x: Tensor) -> Tensor:
        return x**3


class LiesAboutItsRank(Transform):
    ranks: ClassVar[dict[int, int]] = {4: 4}

    def compute(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class TakesNoRank(Transform):
    ranks: ClassVar[dict[int, int]] = {}

    def compute(self, x: Tensor) -> Tensor:
        return x


class LosesTheBatch(Transform):
    def compute(self, x: Tensor) -> Tensor:
        return x.mean(0, keepdim=True)


class BecomesFloat64(Transform):
    def compute(self, x: Tensor) -> Tensor:
        return x.double()


class RootOfZero(Transform):
    def compute(self, x: Tensor) -> Tensor:
        return x.abs().sqrt()


class FailsAlone(Transform):
    """The standard deviation of one image is not a number."""

    def compute(self, x: Tensor) -> Tensor:
        return x / x.std(0, keepdim=True)


class Detached(Transform):
    def compute(self, x: Tensor) -> Tensor:
        return x + (x.detach() ** 2)


class Draws(Transform):
    def compute(self, x: Tensor) -> Tensor:
        return x * torch.rand(())


class WritesIntoItsInput(Transform):
    def compute(self, x: Tensor) -> Tensor:
        if not x.requires_grad:
            x.clamp_(min=0)
        return x * 1


class DependsOnTheMode(Transform):
    def compute(self, x: Tensor) -> Tensor:
        return x * (2.0 if self.training else 1.0)


class Trains(Transform):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float32))

    def compute(self, x: Tensor) -> Tensor:
        return x * self.scale.to(x.dtype)


class NeverRedraws(RandomTransform):
    def compute(self, x: Tensor) -> Tensor:
        return x * 2


class ClaimsASimplex(Transform):
    simplex: ClassVar[tuple[int, ...] | None] = (1,)

    def compute(self, x: Tensor) -> Tensor:
        return x.sigmoid()


class HidesItsSimplex(Transform):
    def compute(self, x: Tensor) -> Tensor:
        return x.softmax(1)


class Raises(Transform):
    def compute(self, x: Tensor) -> Tensor:
        raise RuntimeError("out of memory")


BROKEN: dict[Callable[[], Transform], str] = {
    LiesAboutItsRank: r"LiesAboutItsRank must return the declared rank 4, got \(4, 90\)",
    TakesNoRank: "ranks must hold at least one rank",
    LosesTheBatch: "one view for each image",
    BecomesFloat64: r"must return torch.float32 for torch.float32, got torch.float64",
    RootOfZero: r"the gradient of RootOfZero must be finite .* size 0",
    FailsAlone: r"FailsAlone must be finite for a batch of 1",
    Detached: "must be that of its value",
    Draws: "Draws must give the same",
    WritesIntoItsInput: "must leave its input as it is",
    DependsOnTheMode: "in training and in evaluation",
    Trains: "must have no parameters",
    NeverRedraws: r"must draw anew after redraw\(\)",
    ClaimsASimplex: r"must sum to 1 over the axes \(1,\)",
    HidesItsSimplex: r"must declare simplex = \(1,\)",
    Raises: "It raised RuntimeError: out of memory",
}


def test_a_transform_that_keeps_its_promises_passes() -> None:
    check_transform(Cube)


@pytest.mark.filterwarnings("ignore:std\\(\\)")
@pytest.mark.parametrize(("make", "sentence"), BROKEN.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_transform_is_told_which_promise_it_breaks(make: Callable[[], Transform], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_transform(make)


def test_a_transform_that_refuses_in_other_words_is_told_so() -> None:
    class Refuses(Transform):
        ranks: ClassVar[dict[int, int]] = {2: 2}

        def compute(self, x: Tensor) -> Tensor:
            if x.requires_grad and len(x) == 3:
                raise UserError("not three")
            return x

    with pytest.raises(AssertionError, match=r"The gradient is that of the value.*UserError: not three"):
        check_transform(Refuses)


def test_every_promise_of_the_module_is_checked() -> None:
    written = {
        name
        for name, thing in inspect.getmembers(transform, inspect.isfunction)
        if [*inspect.signature(thing).parameters] == ["make"] and not name.startswith(("check_", "_"))
    }
    assert {promise.__name__ for promise in transform.PROMISES} == written
    assert all(promise.__doc__ for promise in transform.PROMISES)
