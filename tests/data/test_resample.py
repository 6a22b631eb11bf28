"""Images of another size: means of areas, once, with everything that depends on the size."""

import pytest
import torch

from uniads import build
from uniads.data.base import Data
from uniads.data.resample import CHUNK, resample
from uniads.error import UserError
from uniads.testing.data import PROMISES

FAKE = {"num_classes": 4, "image_size": [3, 12, 18], "train_size": 40, "test_size": 20}


def fake(**more: object) -> Data:
    data: Data = build("data", "fake", **{**FAKE, **more})
    return data


def test_a_pixel_is_the_rounded_mean_of_its_block() -> None:
    pixels = torch.randint(0, 256, (CHUNK + 3, 2, 6, 4), dtype=torch.uint8)
    blocks = pixels.double().view(-1, 2, 3, 2, 2, 2).mean((3, 5))
    small = resample(pixels, (3, 2))
    assert small.dtype == torch.uint8
    assert torch.equal(small, blocks.round().to(torch.uint8))


def test_larger_images_repeat_pixels_and_the_same_size_changes_nothing() -> None:
    pixels = torch.randint(0, 256, (5, 1, 3, 4), dtype=torch.uint8)
    assert torch.equal(resample(pixels, (6, 8)), pixels.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert resample(pixels, (3, 4)) is pixels


@pytest.mark.parametrize("shade", [0, 1, 127, 255])
def test_one_shade_stays_at_every_size(shade: int) -> None:
    pixels = torch.full((2, 3, 7, 5), shade, dtype=torch.uint8)
    for size in ((3, 3), (7, 2), (16, 16)):
        assert torch.equal(resample(pixels, size), torch.full((2, 3, *size), shade, dtype=torch.uint8))


@pytest.mark.parametrize(("size", "sides"), [(6, (6, 6)), ([6, 9], (6, 9)), (None, (12, 18))])
def test_both_parts_are_of_the_size(size: object, sides: tuple[int, int]) -> None:
    data = fake(size=size)
    assert data.size == sides
    for part in (data.train(8), data.val(8), data.test(8)):
        assert tuple(next(iter(part)).image.shape[1:]) == (3, *sides)
    for promise in PROMISES:
        promise(lambda: fake(size=size))


@pytest.mark.parametrize(("size", "padding"), [(None, 4), ([12, 18], 4), ([6, 9], 2), ([6, 18], 2), (3, 1), (24, 5)])
def test_a_crop_moves_by_the_same_share_of_an_image(size: object, padding: int) -> None:
    """24 of 18 columns: 4 * 24 / 18 = 5.33."""
    assert fake(size=size, padding=4).augment.padding == padding


def test_images_of_another_size_are_other_contents() -> None:
    assert len({fake(size=size).contents for size in (None, 6, [6, 9])}) == 3
    assert fake(size=[12, 18]).contents == fake().contents


@pytest.mark.parametrize("size", [0, -4, [4], [4, 4, 4], [4, 0], True, []])
def test_what_is_no_size_is_refused(size: object) -> None:
    with pytest.raises(UserError, match=r"size.*(must be|null)"):
        fake(size=size)


def test_files_that_are_read_while_they_are_needed_have_their_own_keys() -> None:
    with pytest.raises(UserError, match=r"data.size must be null for ImageFolder.*data.crop"):
        build("data", "imagefolder", folder="somewhere", num_classes=3, mean=[0.5] * 3, std=[0.2] * 3, size=16)
