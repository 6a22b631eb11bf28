"""Crop and flip of a batch against the same thing done image by image."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from uniads.data.augment import Augment


def one(image: Tensor, padding: int, offset: list[int], flip: bool) -> Tensor:
    """The view of one image, pixel by pixel."""
    channels, height, width = image.shape
    view = torch.zeros_like(image)
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                top, left = y + offset[0] - padding, x + offset[1] - padding
                if 0 <= top < height and 0 <= left < width:
                    view[c, y, width - 1 - x if flip else x] = image[c, top, left]
    return view


@given(st.integers(0, 3), st.booleans(), st.integers(0, 1000))
def test_a_batch_is_what_its_images_are_alone(padding: int, flip: bool, seed: int) -> None:
    augment = Augment(padding, flip)
    pixels = torch.randint(1, 255, (5, 2, 3, 4), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)
    offset, flips = augment.draw(5, seed, epoch=0)
    wanted = [one(*each) for each in zip(pixels, [padding] * 5, offset.tolist(), flips.tolist(), strict=True)]
    assert torch.equal(augment(pixels, offset, flips), torch.stack(wanted))


def test_draws_reach_every_offset_and_flip_about_half() -> None:
    offset, flip = Augment(4, True).draw(4000, seed=0, epoch=0)
    assert offset.unique(dim=0).shape == (81, 2)
    assert 0.45 < flip.float().mean() < 0.55


def test_offsets_of_rows_columns_and_flips_are_unrelated() -> None:
    offset, flip = Augment(4, True).draw(20_000, seed=1, epoch=3)
    related = torch.corrcoef(torch.cat([offset.T.float(), flip[None].float()]))
    assert (related - torch.eye(3)).abs().max() < 0.03


@pytest.mark.parametrize("seeds", [(0, 4096), (1, 4097), (0, 2**31 - 1)])
def test_all_bits_of_a_seed_count(seeds: tuple[int, int]) -> None:
    first, other = (Augment(4, True).draw(50, seed, epoch=0)[0] for seed in seeds)
    assert not torch.equal(first, other)


def test_no_flip_is_drawn_where_none_is_wanted() -> None:
    assert not Augment(1, False).draw(100, seed=0, epoch=0)[1].any()
