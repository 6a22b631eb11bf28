"""Images made on the spot, for trying things out."""

from collections.abc import Sequence
from math import ceil
from typing import Any, final

import torch

from uniads.data.base import Data, Images
from uniads.error import UserError


@final
class Fake(Data):
    """Noisy copies of one random picture a class: learnable, any size, no file.

    A picture is a grid of about 8x8 squares of one colour each, so that it is still the same one after a random crop.

    Args:
        num_classes: number of classes.
        image_size: channels, height and width.
        train_size: training images in all.
        test_size: test images in all.
        noise: standard deviation of the noise, in grey levels.
        common: see ``Data``.
    """

    def __init__(
        self,
        num_classes: int,
        image_size: Sequence[int],
        train_size: int,
        test_size: int,
        noise: float = 32.0,
        **common: Any,
    ) -> None:
        if len(image_size) != 3 or min(image_size) < 1:
            raise UserError(
                f"data.image_size must be channels, height and width, each at least 1, got {list(image_size)}"
            )
        for name, images in {"train_size": train_size, "test_size": test_size}.items():
            if images < 1:
                raise UserError(f"data.{name} must be at least 1, got {images}")
        channels = image_size[0]
        super().__init__(num_classes=num_classes, mean=[0.5] * channels, std=[0.25] * channels, **common)
        self.image_size, self.sizes, self.noise = tuple(image_size), {True: train_size, False: test_size}, noise

    def read(self, train: bool) -> Images:
        generator = torch.Generator().manual_seed(0)
        channels, height, width = self.image_size
        side = max(1, min(height, width) // 8)
        grid = (self.num_classes, channels, ceil(height / side), ceil(width / side))
        pictures = torch.randint(64, 192, grid, generator=generator).float()
        pictures = pictures.repeat_interleave(side, 2).repeat_interleave(side, 3)[..., :height, :width]
        generator.manual_seed(1 + train)
        label = torch.arange(self.sizes[train]) % self.num_classes
        noise = torch.randn(len(label), *self.image_size, generator=generator) * self.noise
        return Images((pictures[label] + noise).clamp(0, 255).to(torch.uint8), label)
