"""``check_data`` accepts a data set that keeps its promises, and names the one that a broken one breaks."""

import inspect
from typing import Any

import pytest
import torch

from uniads.data.base import Data, Images
from uniads.testing import check_data, data


class Dots(Data):
    """Grey images of 6x6 in three classes."""

    images = 60

    def __init__(self, **more: Any) -> None:
        super().__init__(num_classes=3, mean=[0.5], std=[0.25], padding=1, **more)

    def read(self, train: bool) -> Images:
        generator = torch.Generator().manual_seed(int(train))
        pixels = torch.randint(0, 256, (self.images, 1, 6, 6), generator=generator, dtype=torch.uint8)
        return Images(pixels, torch.arange(self.images) % 3)


class OneClass(Dots):
    def read(self, train: bool) -> Images:
        return super().read(train)._replace(label=torch.zeros(self.images, dtype=torch.long))


class ReadsAnew(Dots):
    """Other images every time."""

    def read(self, train: bool) -> Images:
        return super().read(train)._replace(pixels=torch.randint(0, 256, (self.images, 1, 6, 6), dtype=torch.uint8))


class SplitsAnew(Dots):
    made = 0

    def __init__(self) -> None:
        SplitsAnew.made += 1
        super().__init__(split_seed=SplitsAnew.made)


class FloatPixels(Dots):
    def read(self, train: bool) -> Images:
        images = super().read(train)
        return Images(images.pixels.float(), images.label)  # type: ignore[arg-type]


BROKEN: dict[type[Dots], str] = {
    OneClass: "must hold all its 3 classes, got 1",
    ReadsAnew: "must give the same train images every time",
    SplitsAnew: "must hold out the same images every time",
    FloatPixels: "It raised .*uint8",
}


def test_a_data_set_that_keeps_its_promises_passes() -> None:
    check_data(Dots)


@pytest.mark.parametrize(("make", "sentence"), BROKEN.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_data_set_is_told_which_promise_it_breaks(make: type[Dots], sentence: str) -> None:
    with pytest.raises(AssertionError, match=f"(?s){sentence}"):
        check_data(make)


def test_a_set_that_trains_on_what_it_validates_on_is_told_so() -> None:
    with pytest.raises(AssertionError, match="must not validate on images that it trains on"):
        check_data(lambda: Dots(holdout=False))


def test_every_promise_of_the_module_is_checked() -> None:
    written = {
        name
        for name, thing in inspect.getmembers(data, inspect.isfunction)
        if [*inspect.signature(thing).parameters] == ["make"] and not name.startswith(("check_", "_"))
    }
    assert {promise.__name__ for promise in data.PROMISES} == written
    assert all(promise.__doc__ for promise in data.PROMISES)
