"""Batches out of memory, without a Python step per image."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from uniads.data.augment import Augment, epoch_generator
from uniads.error import UserError
from uniads.knowledge import Batch

if TYPE_CHECKING:
    from uniads.data.randaugment import RandAugment


class Loader:
    """Iterates over one epoch of a part of a data set.

    With ``augment`` the images come shuffled and augmented, both drawn from (seed, epoch); without, in order and
    plain. The last batch holds what is left; a single image that is left joins the batch before it, since batch norm
    can't be trained on one.

    Args:
        pixels: all images of the set, on the device to train on.
        label: their classes.
        index: which of them belong to this part.
        batch_size: images a batch, above 0.
        mean: per channel, of pixels scaled to [0, 1].
        std: per channel, of pixels scaled to [0, 1].
        augment: how training images are changed.
        seed: of order and augmentation.
        views: how many different augmentations there are; None for one an epoch. See ``Data``.
    """

    def __init__(
        self,
        pixels: UInt8[Tensor, "n c h w"],
        label: Int[Tensor, " n"],
        index: Int[Tensor, " k"],
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        augment: Augment | None = None,
        seed: int = 0,
        views: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise UserError(f"recipe.batch_size must be 1 or more, got {batch_size}")
        if len(index) == 0:
            raise UserError("this part of the data set holds no image; raise data.fraction or data.val_fraction")
        self.pixels, self.label, self.index = pixels, label, index
        self.batch_size, self.augment, self.seed, self.views = batch_size, augment, seed, views
        self.epoch = 0
        self.randaugment: RandAugment | None = None
        scale = 255 * torch.tensor(std, device=pixels.device)
        self._scale = (1 / scale).view(-1, 1, 1)
        self._shift = (-255 * torch.tensor(mean, device=pixels.device) / scale).view(-1, 1, 1)

    def add_randaugment(self, operations: int, magnitude: int) -> None:
        """Do so many operations of ``RandAugment`` on each training image after all else.

        Raises:
            UserError: the loader has no way to, or images are neither grey nor in RGB.
        """
        if self.augment is None or type(self).__iter__ is not Loader.__iter__:
            raise UserError(
                f"recipe.randaugment must be null with {type(self).__name__}, which has batches of its own; override "
                "its add_randaugment"
            )
        from uniads.data.randaugment import RandAugment  # torchvision takes a while to import

        self.randaugment = RandAugment(operations, magnitude, self.pixels.shape[1])

    def __len__(self) -> int:
        return max(1, len(self.index) // self.batch_size + (len(self.index) % self.batch_size > 1))

    @property
    def sampler(self) -> "Loader":
        """Lightning calls ``sampler.set_epoch`` at the start of each epoch."""
        return self

    @property
    def batch_sampler(self) -> None:
        """Lightning asks for it beside ``sampler``; there is none."""
        return None

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, whose order and augmentation come next."""
        self.epoch = epoch

    def view(self, epoch: int) -> int:
        """Which augmentation the images have in an epoch."""
        return epoch if self.views is None else epoch % self.views

    def __iter__(self) -> Iterator[Batch]:
        device = self.pixels.device
        if self.augment is None:
            for index in self._batches(self.index.to(device)):
                yield Batch(self._normal(self.pixels[index]), self.label[index], index)
            return
        order = torch.randperm(len(self.index), generator=epoch_generator(self.seed, self.epoch, "order"))
        offset, flip = (x.to(device) for x in self.augment.draw(len(self.pixels), self.seed, self.view(self.epoch)))
        added = self.randaugment
        drawn = added.draw(len(self.pixels), self.seed, self.view(self.epoch)) if added else None
        for index in self._batches(self.index[order].to(device)):
            pixels = self.augment(self.pixels[index], offset[index], flip[index])
            if added and drawn is not None:
                pixels = added(pixels, drawn[index.cpu()])
            yield Batch(self._normal(pixels), self.label[index], index)

    def _batches(self, index: Tensor) -> list[Tensor]:
        batches = list(torch.split(index, self.batch_size))
        if len(batches) > 1 and len(batches[-1]) == 1 < self.batch_size:
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    def _normal(self, pixels: Tensor) -> Tensor:
        return torch.addcmul(self._shift, pixels.float(), self._scale)
