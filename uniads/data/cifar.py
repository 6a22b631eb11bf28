"""CIFAR-10 and CIFAR-100, read by torchvision and checked by its md5 sums."""

from typing import Any, final
from urllib.error import URLError

import torch
from torchvision import datasets

from uniads.data.base import Data, Images
from uniads.error import MissingFileError, UserError

SETS = {10: datasets.CIFAR10, 100: datasets.CIFAR100}


@final
class CIFAR(Data):
    """50,000 training and 10,000 test images of 32x32 pixels in 10 or 100 classes.

    Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.

    Args:
        num_classes: 10 or 100.
        download: fetch missing files.
        common: see ``Data``.
    """

    def __init__(self, num_classes: int, download: bool = True, **common: Any) -> None:
        if num_classes not in SETS:
            raise UserError(f"CIFAR has 10 or 100 classes, got num_classes {num_classes}")
        super().__init__(num_classes=num_classes, **common)
        self.download = download

    def read(self, train: bool) -> Images:
        """All images of one part.

        Raises:
            MissingFileError: the files are missing or damaged and could not be fetched.
        """
        root = str(self.root)
        try:
            files = SETS[self.num_classes](root, train=train, download=self.download)
        except (RuntimeError, URLError, OSError) as error:
            folder = SETS[self.num_classes].base_folder
            raise MissingFileError(
                f"CIFAR-{self.num_classes} is missing or damaged in {root!r}, and it can't be downloaded ({error}); "
                f"put torchvision's folder {folder!r} there, or name another place: paths.data_dir=DIR or UNIADS_DATA"
            ) from None
        pixels = torch.from_numpy(files.data).permute(0, 3, 1, 2).contiguous()
        return Images(pixels, torch.tensor(files.targets))
