"""Every option of the data group keeps what its class and its file promise."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from uniads import build, options
from uniads.data.base import Data
from uniads.options import conf_dir
from uniads.testing.data import PROMISES, Make

LOCAL = ("digits", "fake")
DOWNLOADED = ("cifar10", "cifar100")
STREAMED = ("imagefolder", "imagenet")
"""Read from a folder of the user's; see test_folder.py."""
SHAPES = {"digits": (1, 8, 8), "fake": (3, 32, 32)}


def test_every_option_is_tested() -> None:
    assert set(options("data")) == {*LOCAL, *DOWNLOADED, *STREAMED}


@pytest.mark.parametrize("name", LOCAL)
def test_images_have_the_declared_shape_and_classes(name: str) -> None:
    data: Data = build("data", name)
    batch = next(iter(data.train(16)))
    assert (data.channels, *data.size) == SHAPES[name] == tuple(batch.image.shape[1:])
    assert batch.image.dtype == torch.float32
    for part in (data.read(train=True), data.read(train=False)):
        assert part.pixels.dtype == torch.uint8
        assert part.label.unique().tolist() == list(range(data.num_classes))
    assert len(data.mean) == len(data.std) == data.channels


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", LOCAL)
def test_a_data_set_keeps_its_promises(name: str, promise: Callable[[Make], None]) -> None:
    assert len(PROMISES) == 5
    promise(lambda: build("data", name))


def test_declared_mean_and_std_of_digits_are_those_of_its_pixels() -> None:
    data: Data = build("data", "digits")
    pixels = data.read(train=True).pixels.float() / 255
    assert abs(pixels.mean().item() - data.mean[0]) < 0.005
    assert abs(pixels.std().item() - data.std[0]) < 0.005


@pytest.mark.parametrize("name", LOCAL)
def test_reading_twice_gives_the_same_images(name: str) -> None:
    data: Data = build("data", name)
    assert torch.equal(data.read(train=True).pixels, data.read(train=True).pixels)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_set_that_is_downloaded_is_built_without_a_look_at_its_files(name: str, tmp_path: Path) -> None:
    data: Data = build("data", name, root=str(tmp_path), download=False)
    assert data.num_classes == int(name.removeprefix("cifar"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", options("data"))
def test_a_file_declares_one_mean_and_one_std_a_channel(name: str) -> None:
    declared = OmegaConf.load(conf_dir() / "data" / f"{name}.yaml")
    if "mean" in declared:
        assert len(declared.mean) == len(declared.std) == (1 if name == "digits" else 3)
        assert all(0 < value < 1 for value in [*declared.mean, *declared.std])


def test_noise_of_fake_images_is_what_makes_them_hard() -> None:
    clean: Data = build("data", "fake", noise=0.0, train_size=20, test_size=20)
    images = clean.read(train=True)
    assert all(torch.equal(images.pixels[i], images.pixels[i + 10]) for i in range(10))
    assert torch.equal(images.pixels, clean.read(train=False).pixels)
