"""Batches out of memory, without a Python step per image."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from uniads.data.augment import Augment, epoch_generator
from uniads.error import UserError
from uniads.knowledge import Batch, PairedBatch

if TYPE_CHECKING:
    from uniads.data.randaugment import RandAugment

SECOND = "the distiller's second view"


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
        self.second: RandAugment | None = None
        scale = 255 * torch.tensor(std, device=pixels.device)
        self._scale = (1 / scale).view(-1, 1, 1)
        self._shift = (-255 * torch.tensor(mean, device=pixels.device) / scale).view(-1, 1, 1)

    def add_randaugment(self, operations: int, magnitude: int) -> None:
        """Do so many operations of ``RandAugment`` on each training image after all else.

        Raises:
            UserError: the loader has no way to, or images are neither grey nor in RGB.
        """
        self.randaugment = self._build_randaugment("recipe.randaugment", "add_randaugment", operations, magnitude)

    def add_second_view(self, operations: int, magnitude: int) -> None:
        """Give each batch as a ``PairedBatch``, with a second view of each of its images.

        The first view is the one that there would be alone, to the bit. The second is cropped, flipped and changed by
        so many operations of ``RandAugment`` as draws of its own say, and not as the recipe does.

        Raises:
            UserError: the loader has no way to, or images are neither grey nor in RGB.
        """
        self.second = self._build_randaugment(SECOND, "add_second_view", operations, magnitude)

    def _build_randaugment(self, name: str, method: str, operations: int, magnitude: int) -> "RandAugment":
        if self.augment is None or type(self).__iter__ is not Loader.__iter__:
            raise UserError(
                f"{name} must be null with {type(self).__name__}, which has batches of its own; override its {method}"
            )
        from uniads.data.randaugment import RandAugment  # torchvision takes a while to import

        return RandAugment(operations, magnitude, self.pixels.shape[1], name)

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
        see = self._draw_view(self.augment, self.randaugment, "")
        see_again = self._draw_view(self.augment, self.second, "second ") if self.second else None
        for index in self._batches(self.index[order].to(device)):
            pixels = see(index)
            yield self._batch(torch.cat([pixels, see_again(index)]) if see_again else pixels, index)

    def _draw_view(self, augment: Augment, added: "RandAugment | None", use: str) -> Callable[[Tensor], Tensor]:
        """What shows the images of an index in this epoch's view; ``use`` tells apart what is drawn for several."""
        n, view = len(self.pixels), self.view(self.epoch)
        offset, flip = (x.to(self.pixels.device) for x in augment.draw(n, self.seed, view, f"{use}view"))
        drawn = added.draw(n, self.seed, view, f"{use}randaugment") if added else None

        def see(index: Tensor) -> Tensor:
            pixels = augment(self.pixels[index], offset[index], flip[index])
            return added(pixels, drawn[index.cpu()]) if added and drawn is not None else pixels

        return see

    def _batch(self, pixels: Tensor, index: Tensor) -> Batch:
        """The batch of the images of an index, of which there are one or two views, one after the other."""
        if len(pixels) == len(index):
            return Batch(self._normal(pixels), self.label[index], index)
        both = index.repeat(2)
        return PairedBatch(self._normal(pixels), self.label[both], both)

    def _batches(self, index: Tensor) -> list[Tensor]:
        batches = list(torch.split(index, self.batch_size))
        if len(batches) > 1 and len(batches[-1]) == 1 < self.batch_size:
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    def _normal(self, pixels: Tensor) -> Tensor:
        return torch.addcmul(self._shift, pixels.float(), self._scale)
