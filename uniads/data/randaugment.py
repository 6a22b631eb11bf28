"""RandAugment of a whole batch at once."""

from collections.abc import Callable
from math import atan, degrees
from typing import Any

import torch
from jaxtyping import Int, UInt8
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from uniads.data.augment import epoch_generator
from uniads.error import UserError

LARGEST = 30

STILL: dict[str, Any] = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}

Operation = Callable[[Tensor, float], Tensor]
"""From bytes (b, c, h, w) to such, by a strength from 0 to 1, or from -1 to 1."""

SIGNED: tuple[Operation, ...] = (
    lambda x, s: F.affine(x, **{**STILL, "shear": [degrees(atan(0.3 * s)), 0.0]}, center=[0, 0]),
    lambda x, s: F.affine(x, **{**STILL, "shear": [0.0, degrees(atan(0.3 * s))]}, center=[0, 0]),
    lambda x, s: F.affine(x, **{**STILL, "translate": [int(150 / 331 * s * x.shape[-1]), 0]}),
    lambda x, s: F.affine(x, **{**STILL, "translate": [0, int(150 / 331 * s * x.shape[-2])]}),
    lambda x, s: F.rotate(x, 30.0 * s),
    lambda x, s: F.adjust_brightness(x, 1 + 0.9 * s),
    lambda x, s: F.adjust_saturation(x, 1 + 0.9 * s),
    lambda x, s: F.adjust_contrast(x, 1 + 0.9 * s),
    lambda x, s: F.adjust_sharpness(x, 1 + 0.9 * s),
)
"""Operations whose strength gets a random sign: shear, move along each axis, rotate, four enhancements."""

UNSIGNED: tuple[Operation, ...] = (
    lambda x, s: x,
    lambda x, s: F.posterize(x, 8 - round(4 * s)),
    lambda x, s: F.solarize(x, 255 * (1 - s)),
    lambda x, s: F.autocontrast(x),
    lambda x, s: F.equalize(x),
)

KINDS = tuple((operation, sign) for operation in SIGNED for sign in (1, -1)) + tuple((each, 1) for each in UNSIGNED)


class RandAugment:
    """Each image goes through some operations, one after the other, each drawn from the same fourteen.

    The operations and their strengths, magnitude / 30 of the largest, are torchvision's: identity, shear and translate
    along each axis, rotate, brightness, colour, contrast, sharpness, posterize, solarize, autocontrast, equalize. Half
    of those with a direction go against it. What is moved in from outside is black. Images of the same operation are
    changed together; each becomes what it would become alone.

    Source: Cubuk et al., arXiv:1909.13719, N operations of magnitude M; ranges of the operations as in torchvision's
    ``v2.RandAugment``, which draws one operation for a whole batch.

    Args:
        operations: N, above 0.
        magnitude: M, 0 to 30.
        channels: of the images: 1 or 3.
        name: of what asks for it.

    Raises:
        UserError: images are neither grey nor in RGB.
    """

    def __init__(self, operations: int, magnitude: int, channels: int, name: str = "recipe.randaugment") -> None:
        if channels not in (1, 3):
            raise UserError(f"{name} needs images of 1 or 3 channels, got {channels}; set it to null")
        self.operations, self.strength = operations, magnitude / LARGEST

    def draw(self, n: int, seed: int, epoch: int, use: str = "randaugment") -> Int[Tensor, "n k"]:
        """Numbers in ``KINDS`` of all n images of a training set in one epoch: row i belongs to image i."""
        generator = epoch_generator(seed, epoch, use)
        which = torch.randint(len(SIGNED) + len(UNSIGNED), (n, self.operations), generator=generator)
        against = torch.randint(2, (n, self.operations), generator=generator)
        return torch.where(which < len(SIGNED), 2 * which + against, which + len(SIGNED))

    def __call__(self, pixels: UInt8[Tensor, "b c h w"], drawn: Int[Tensor, "b k"]) -> UInt8[Tensor, "b c h w"]:
        """The drawn operations on each image.

        Args:
            pixels: bytes, left as they are.
            drawn: rows of ``draw``, on the CPU.
        """
        pixels = pixels.clone()
        for turn in drawn.unbind(1):
            for kind in sorted(set(turn.tolist())):
                rows = (turn == kind).nonzero().squeeze(1).to(pixels.device)
                operation, sign = KINDS[kind]
                pixels[rows] = operation(pixels[rows], sign * self.strength)
        return pixels
