"""Random crop and flip of a whole batch at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor
from torch.nn import functional as F


def epoch_generator(seed: int, epoch: int, use: str) -> torch.Generator:
    """A generator for one use, such as ``"order"``, in one epoch of one seed, unrelated to all others."""
    # Hashed into 32 bits, because that is all of a seed that the CPU generator uses.
    mixed = np.random.SeedSequence((seed, epoch, *use.encode())).generate_state(1)
    return torch.Generator().manual_seed(int(mixed[0]))


@contextmanager
def drawing(seed: int, epoch: int, use: str) -> Iterator[None]:
    """Inside, torch's own generator of the CPU draws what that use's would; outside, nothing changes."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would set the generators of all GPUs too.
        torch.default_generator.manual_seed(epoch_generator(seed, epoch, use).initial_seed())
        yield


@dataclass(frozen=True)
class Augment:
    """Random crop after zero padding, then a random flip from left to right.

    Attributes:
        padding: zeros added to each side, in pixels.
        flip: whether images are flipped, each with probability 1/2.
    """

    padding: int
    flip: bool

    def draw(self, n: int, seed: int, epoch: int, use: str = "view") -> tuple[Int[Tensor, "n 2"], Bool[Tensor, " n"]]:
        """Crop offsets and flips of all n images of a training set in one epoch: row i belongs to image i.

        So an image's view depends on (seed, epoch, index) and on nothing else; another use has a view of its own.
        """
        generator = epoch_generator(seed, epoch, use)
        offset = torch.randint(0, 2 * self.padding + 1, (n, 2), generator=generator)
        flip = torch.rand(n, generator=generator) < 0.5
        return offset, flip & self.flip

    def __call__(
        self, pixels: UInt8[Tensor, "b c h w"], offset: Int[Tensor, "b 2"], flip: Bool[Tensor, " b"]
    ) -> UInt8[Tensor, "b c h w"]:
        """The drawn view of each image."""
        height, width = pixels.shape[-2:]
        if self.padding:
            padded = F.pad(pixels, [self.padding] * 4)
            views = padded.unfold(2, height, 1).unfold(3, width, 1)
            pixels = views[torch.arange(len(pixels), device=pixels.device), :, offset[:, 0], offset[:, 1]]
        if self.flip:
            pixels = torch.where(flip[:, None, None, None], pixels.flip(-1), pixels)
        return pixels
