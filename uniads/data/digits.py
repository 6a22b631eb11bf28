"""Handwritten digits that ship with scikit-learn."""

from typing import Any, final

import torch
from sklearn.datasets import load_digits

from uniads.data.base import Data, Images
from uniads.data.split import split_by_class
from uniads.error import UserError


@final
class Digits(Data):
    """1,797 real 8x8 grey images of ten digits. No download, no file.

    The set comes without a test part; a share of each class is set aside as one, always the same.

    Source: Alpaydin and Kaynak 1998, doi:10.24432/C50P49, as shipped by scikit-learn.

    Args:
        test_fraction: that share, above 0, below 1. A larger one tells students apart that 359 images can't.

    Raises:
        UserError: it is out of its range.
    """

    def __init__(self, *, test_fraction: float = 0.2, **common: Any) -> None:
        super().__init__(num_classes=10, **common)
        if not 0 < test_fraction < 1:
            raise UserError(f"data.test_fraction must be above 0 and below 1, got {test_fraction}")
        self.test_fraction = test_fraction

    def read(self, train: bool) -> Images:
        images, label = load_digits(return_X_y=True)
        pixels = torch.from_numpy(images).view(-1, 1, 8, 8).mul(255 / 16).round().to(torch.uint8)
        kept, held = split_by_class(torch.from_numpy(label), self.test_fraction, seed=0)
        index = kept if train else held
        return Images(pixels[index], torch.from_numpy(label)[index])
