"""What every data set shares: splits, seeds and loaders."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, final

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from uniads.data.augment import Augment
from uniads.data.loader import Loader
from uniads.data.resample import resample
from uniads.data.split import split_by_class
from uniads.error import UserError


class Images(NamedTuple):
    """Images of one part of a data set.

    Attributes:
        pixels: bytes, 0 to 255.
        label: classes from 0.
    """

    pixels: UInt8[Tensor, "n c h w"]
    label: Int[Tensor, " n"]


class Data(ABC):
    """A data set that lives in memory, or, where a subclass has its own ``label`` and ``loader``, in files.

    The validation split is held out of the training set: ``val_fraction`` of each class, chosen by ``split_seed``
    alone. The test set is read when ``test`` is first called, not before.

    Args:
        root: folder of the data files; None for a set that needs none.
        num_classes: number of classes.
        mean: per channel, of pixels scaled to [0, 1].
        std: per channel, of pixels scaled to [0, 1].
        padding: zeros around an image before a random crop of its own size, in pixels of an image as it is read; 0 for
            no crop. Images of another ``size`` get their share of it, rounded.
        flip: whether to flip training images left to right at random.
        fraction: share of each class of the training set that is used at all, above 0, at most 1.
        val_fraction: share of each class that is held out, above 0, below 1.
        holdout: False trains on the validation split too.
        split_seed: decides which images are held out.
        seed: decides the order and the augmentation of the training images, with the epoch and the image's index.
        views: None: every epoch has new augmentations. A number N: every image has N augmented views, and epoch e
            shows view e mod N of each; the order of the images is new in every epoch all the same. A teacher then says
            only N things of an image, which a store can keep for a whole training; the student sees fewer different
            pictures.
        size: height and width that images are brought to when they are read, in pixels, or one number for both; None:
            as they are. Each pixel is then the mean of an area. Only of a set that lives in memory.

    Raises:
        UserError: an argument is out of its range.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        root: str | None = None,
        padding: int = 0,
        flip: bool = False,
        fraction: float = 1.0,
        val_fraction: float = 0.1,
        holdout: bool = True,
        split_seed: int = 0,
        seed: int = 0,
        views: int | None = None,
        size: int | Sequence[int] | None = None,
    ) -> None:
        if not 0 < fraction <= 1:
            raise UserError(f"data.fraction must be above 0 and at most 1, got {fraction}")
        if not 0 < val_fraction < 1:
            raise UserError(f"data.val_fraction must be above 0 and below 1, got {val_fraction}")
        if padding < 0:
            raise UserError(f"data.padding must be 0 or more pixels, got {padding}")
        if views is not None and views < 1:
            raise UserError(f"data.views must be 1 or more, or null for new ones in every epoch, got {views}")
        self.resized = self._check_size(size)
        self.root = Path(root) if root is not None else None
        self.num_classes = num_classes
        self.mean, self.std = tuple(mean), tuple(std)
        self.padding, self.flip = padding, flip
        self.fraction, self.val_fraction = fraction, val_fraction
        self.holdout, self.split_seed, self.seed = holdout, split_seed, seed
        self.views = views

    @abstractmethod
    def read(self, train: bool) -> Images:
        """All images of the training set, or of the test set, in the set's own order."""

    @final
    @property
    def _train(self) -> Images:
        return self._resampled[0]

    @final
    @cached_property
    def _resampled(self) -> tuple[Images, float]:
        """The training set, and how long a side of its images is in shares of what it was when it was read."""
        read = self._check_images(self.read(train=True))
        images = self._resample(read)
        sides = zip(images.pixels.shape[2:], read.pixels.shape[2:], strict=True)
        return images, min(now / before for now, before in sides)

    @final
    @cached_property
    def _test(self) -> Images:
        return self._resample(self._check_images(self.read(train=False)))

    @property
    def resizes(self) -> bool:
        """Whether ``data.size`` may be given: whether images are in memory."""
        return type(self).loader is Data.loader

    def _check_size(self, size: int | Sequence[int] | None) -> tuple[int, int] | None:
        """Height and width; None for those that images have.

        Raises:
            UserError: they are no sizes, or the set reads its images while they are needed.
        """
        if size is None:
            return None
        sides = (size, size) if isinstance(size, int) else tuple(size)
        if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
            raise UserError(
                f"data.size must be a number of pixels above 0, or height and width, got {size}; null leaves images "
                "as they are"
            )
        if not self.resizes:
            raise UserError(
                f"data.size must be null for {type(self).__name__}, which reads its images while they are needed, got "
                f"{size}; its own keys say how large they are, such as data.crop"
            )
        return sides[0], sides[1]

    def _resample(self, images: Images) -> Images:
        return images if self.resized is None else Images(resample(images.pixels, self.resized), images.label)

    @final
    @cached_property
    def augment(self) -> Augment:
        """How training images are changed."""
        share = 1.0 if self.resized is None else self._resampled[1]
        return Augment(round(self.padding * share), self.flip)

    def _check_images(self, images: Images) -> Images:
        """The images, if they are what ``Images`` says and fit the arguments of the class.

        Raises:
            UserError: they are not.
        """
        name, (pixels, label) = type(self).__name__, images
        if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.numel() == 0:
            raise UserError(
                f"{name}.read gave pixels of {pixels.dtype} and shape {tuple(pixels.shape)}, allowed: torch.uint8, "
                "(images, channels, height, width), none of them 0; convert them there"
            )
        if label.shape != (len(pixels),) or label.is_floating_point():
            raise UserError(
                f"{name}.read gave labels of {label.dtype} and shape {tuple(label.shape)}, allowed: whole numbers, one "
                f"for each of its {len(pixels)} images"
            )
        if label.min() < 0 or label.max() >= self.num_classes:
            raise UserError(
                f"{name}.read gave labels from {label.min()} to {label.max()}, allowed: 0 to {self.num_classes - 1} "
                f"for its {self.num_classes} classes; number the classes from 0, or set data.num_classes"
            )
        if not len(self.mean) == len(self.std) == pixels.shape[1]:
            raise UserError(
                f"{name} has images of {pixels.shape[1]} channels and {len(self.mean)} entries in data.mean, "
                f"{len(self.std)} in data.std; give one of each a channel"
            )
        return images

    @final
    @cached_property
    def _split(self) -> tuple[Tensor, Tensor]:
        """Indices into the training set: to train on, and held out."""
        label = self.label(train=True)
        used, _ = split_by_class(label, 1 - self.fraction, self.split_seed)
        train, val = split_by_class(label[used], self.val_fraction, self.split_seed)
        return used[train], used[val]

    def _some(self, index: Int[Tensor, " k"]) -> Int[Tensor, " k"]:
        """These images of the training set, if there are any.

        Raises:
            UserError: a fraction is too small for the set.
        """
        if len(index) == 0:
            train, val = self._split
            raise UserError(
                f"of {len(self.label(train=True)):,} training images data.fraction={self.fraction:g} and "
                f"data.val_fraction={self.val_fraction:g} leave {len(train):,} to train on and {len(val):,} to "
                "validate on; each class gives round(fraction * size), so raise the one that is too small"
            )
        return index

    @cached_property
    def contents(self) -> str:
        """A short hash of what the training images are, wherever they lie: the same for the same images.

        Of a set that reads its images while they are needed only the labels are hashed here; such a class says better
        what its files are.
        """
        digest = sha256(self.label(train=True).cpu().contiguous().numpy().tobytes())
        if type(self).loader is Data.loader:
            digest.update(self._train.pixels.cpu().contiguous().numpy().data)
        return digest.hexdigest()[:16]

    @property
    def channels(self) -> int:
        """Colour channels of an image."""
        return self._train.pixels.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        return self._train.pixels.shape[2], self._train.pixels.shape[3]

    @final
    def train(
        self,
        batch_size: int,
        device: torch.device | str = "cpu",
        randaugment: Sequence[int] | None = None,
        second_view: Sequence[int] | None = None,
    ) -> Loader:
        """Shuffled, augmented batches of the images to train on.

        Args:
            batch_size: images a batch.
            device: where they are wanted.
            randaugment: operations and magnitude of ``RandAugment``, which comes after all else; None for none.
            second_view: likewise, of a second view of each image, see ``Loader.add_second_view``; None for one view.
        """
        train, val = self._split
        index = train if self.holdout else torch.cat([train, val]).sort().values
        loader = self.loader(True, self._some(index), batch_size, device, augmented=True)
        if randaugment is not None:
            loader.add_randaugment(*randaugment)
        if second_view is not None:
            loader.add_second_view(*second_view)
        return loader

    @final
    def val(self, batch_size: int, device: torch.device | str = "cpu") -> Loader:
        """Plain batches of the validation split."""
        return self.loader(True, self._some(self._split[1]), batch_size, device, augmented=False)

    @final
    def test(self, batch_size: int, device: torch.device | str = "cpu") -> Loader:
        """Plain batches of the test set."""
        return self.loader(False, torch.arange(len(self.label(train=False))), batch_size, device, augmented=False)

    def label(self, train: bool) -> Int[Tensor, " n"]:
        """The class of each image of the training set, or of the test set, in the set's own order."""
        return (self._train if train else self._test).label

    def loader(
        self, train: bool, index: Int[Tensor, " k"], batch_size: int, device: torch.device | str, augmented: bool
    ) -> Loader:
        """Batches of some images of the training set, or of the test set: shuffled and augmented, or plain."""
        images = self._train if train else self._test
        return Loader(
            images.pixels.to(device),
            images.label.to(device),
            index,
            batch_size,
            self.mean,
            self.std,
            self.augment if augmented else None,
            self.seed,
            self.views,
        )
