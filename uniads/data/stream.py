"""Batches out of image files, decoded and augmented by worker processes."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import final

import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from uniads.data.augment import drawing, epoch_generator
from uniads.data.image import read_image
from uniads.data.loader import Loader
from uniads.error import UserError
from uniads.knowledge import Batch

Transform = Callable[[Image.Image], UInt8[Tensor, "c h w"]]

MOST_WORKERS = 8
"""More are only used where they are asked for."""


def usable_workers(workers: int | None) -> int:
    """Worker processes: as many as asked for, or one for each core that this process may use, at most 8.

    Raises:
        UserError: a negative number is asked for.
    """
    if workers is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(MOST_WORKERS, cores)
    if workers < 0:
        raise UserError(f"data.workers must be 0 or more, or null for one a core, got {workers}")
    return workers


@final
class Views(Dataset[Tensor | ValueError]):
    """Images of one epoch as a network sees them, in bytes, a batch at a time.

    What an image is cropped and flipped to depends on (seed, epoch, index) and on nothing else, whichever process
    does it.

    Args:
        files: paths of all images of the set.
        transform: from a PIL image in RGB to bytes; draws from torch's global CPU generator.
        seed: of the augmentation.
        epoch: from 0.
        second: likewise, for a second view, with draws of its own; None: there is one view.
    """

    def __init__(
        self, files: Sequence[str], transform: Transform, seed: int, epoch: int, second: Transform | None = None
    ) -> None:
        self.files, self.seed, self.epoch = files, seed, epoch
        self.transforms = {"view": transform} if second is None else {"view": transform, "second view": second}

    def __getitem__(self, index: list[int]) -> UInt8[Tensor, "b c h w"] | ValueError:
        """These images, all first views before the second ones.

        An error is returned, since one that is raised in a worker comes with the worker's stack.
        """
        try:
            seen = [self._views(each) for each in index]
            return torch.stack([view for views in zip(*seen, strict=True) for view in views])
        except ValueError as error:
            return error

    def _views(self, index: int) -> list[UInt8[Tensor, "c h w"]]:
        image = read_image(self.files[index])
        return [self._view(image, f"{use}{index}", transform) for use, transform in self.transforms.items()]

    def _view(self, image: Image.Image, use: str, transform: Transform) -> UInt8[Tensor, "c h w"]:
        with drawing(self.seed, self.epoch, use):
            return transform(image)


@final
class StreamLoader(Loader):
    """Batches out of files; all else is as in ``Loader``.

    Args:
        files: paths of all images of the set.
        label: their classes.
        transform: see ``Views``.
        workers: processes that read ahead; 0 reads in this one.
        index: which images belong to this part.
        batch_size: images a batch, above 0.
        mean: per channel, of pixels scaled to [0, 1].
        std: per channel, of pixels scaled to [0, 1].
        device: where the batches are wanted.
        shuffled: whether every epoch has an order of its own.
        seed: of order and augmentation.
        views: how many different augmentations there are; None for one an epoch. See ``Data``.
    """

    def __init__(
        self,
        files: Sequence[str],
        label: Int[Tensor, " n"],
        transform: Transform,
        workers: int,
        index: Int[Tensor, " k"],
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device | str,
        shuffled: bool,
        seed: int,
        views: int | None = None,
    ) -> None:
        # No pixels are kept; a blank pixel says on which device the batches are wanted.
        blank = torch.zeros(1, 1, 1, 1, dtype=torch.uint8, device=device).expand(len(label), -1, -1, -1)
        super().__init__(blank, label.to(device), index, batch_size, mean, std, seed=seed, views=views)
        self.files, self.transform, self.workers, self.shuffled = files, transform, workers, shuffled
        self._plain = transform
        self._again: Transform | None = None

    def add_randaugment(self, operations: int, magnitude: int) -> None:
        self.transform = self._strengthen(operations, magnitude)

    def add_second_view(self, operations: int, magnitude: int) -> None:
        self._again = self._strengthen(operations, magnitude)

    def _strengthen(self, operations: int, magnitude: int) -> Transform:
        from torchvision.transforms import v2

        strong: Transform = v2.Compose([self._plain, v2.RandAugment(operations, magnitude)])
        return strong

    def __iter__(self) -> Iterator[Batch]:
        """An epoch.

        Raises:
            UserError: a file can't be read as an image.
        """
        device, order = self.pixels.device, self.index
        if self.shuffled:
            order = order[torch.randperm(len(order), generator=epoch_generator(self.seed, self.epoch, "order"))]
        batches = self._batches(order)
        for index, pixels in zip(batches, self._reader(batches), strict=True):
            if isinstance(pixels, ValueError):
                raise pixels
            yield self._batch(pixels.to(device, non_blocking=True), index.to(device))

    def _reader(self, batches: Sequence[Tensor]) -> DataLoader[Tensor | ValueError]:
        workers = min(self.workers, len(batches))
        # A job of a parallel launcher can't start workers in any other way.
        context = "fork" if workers and sys.platform == "linux" else None
        return DataLoader(
            Views(self.files, self.transform, self.seed, self.view(self.epoch), self._again),
            batch_size=None,
            sampler=[batch.tolist() for batch in batches],
            num_workers=workers,
            multiprocessing_context=context,
            pin_memory=self.pixels.device.type == "cuda",
            generator=torch.Generator(),  # else it would draw from the global one
        )
