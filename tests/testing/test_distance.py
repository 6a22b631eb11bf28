"""``check_distance`` accepts a distance that keeps its promises, and names the one that a broken distance breaks."""

import inspect
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from uniads.distance.base import Distance
from uniads.testing import check_distance, distance


class Huber(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return nn.functional.huber_loss(student, teacher, delta=2.0)


class Negative(Distance):
    """The similarity, used as if it were a distance."""

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return -Huber()(student, teacher)


class Unreduced(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return (student - teacher).square().flatten(1).mean(1)


class Constant(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return student.mean() * 0 + 1


class Backwards(Distance):
    """Largest where the student equals the teacher."""

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return 1 / (1 + Huber()(student, teacher))


class NeverZero(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return Huber()(student, teacher) + 0.5


class Overflows(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return ((student - teacher) ** 4).mean()


class StaysHalf(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return Huber()(student, teacher).to(torch.float64)


class WeighsTheFirst(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return Huber()(student, teacher) + Huber()(student[:1], teacher[:1])


class Sums(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return nn.functional.huber_loss(student, teacher, reduction="sum")


class Draws(Distance):
    """Its factor is drawn, from a generator that only ordinary calls move."""

    calls = 0

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        Draws.calls += 1
        return Huber()(student, teacher) * (1 + 1e-9 * (Draws.calls % 7) * (student.dtype == torch.float64))


class Trains(Distance):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return Huber()(student, teacher) * self.scale.to(student.dtype)


class BreaksOnDistributions(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return Huber()(student, teacher)

    def on(self, simplex: tuple[int, ...] | None) -> Distance:
        return self if simplex is None else NeverZeroInf()


class NeverZeroInf(Distance):
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return Huber()(student, teacher) + torch.inf


BROKEN: dict[Callable[[], Distance], str] = {
    Negative: r"Negative must not be negative, got -",
    Unreduced: "scalar",
    Constant: "must have a gradient for the student",
    Backwards: "must be smallest where the student equals the teacher",
    NeverZero: "NeverZero must be 0 where the student equals the teacher, got 0.5",
    Overflows: "must be finite for any finite float32 values",
    StaysHalf: "must give float32 for torch.float16, got torch.float64",
    WeighsTheFirst: "must not depend on the order of the images",
    Sums: "must be a mean over the batch",
    Draws: "Draws must give the same twice|must be that of its value",
    Trains: "must have no parameters",
    BreaksOnDistributions: r"on\(\(1,\)\) must be finite for distributions",
}


def test_a_distance_that_keeps_its_promises_passes() -> None:
    check_distance(Huber)


@pytest.mark.parametrize(("make", "sentence"), BROKEN.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_distance_is_told_which_promise_it_breaks(make: Callable[[], Distance], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_distance(make)


def test_every_promise_of_the_module_is_checked() -> None:
    written = {
        name
        for name, thing in inspect.getmembers(distance, inspect.isfunction)
        if [*inspect.signature(thing).parameters] == ["make"] and not name.startswith(("check_", "_"))
    }
    assert {promise.__name__ for promise in distance.PROMISES} == written
    assert all(promise.__doc__ for promise in distance.PROMISES)
