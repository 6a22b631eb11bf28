"""Handwritten digits that ship with scikit-learn."""

from typing import Any, final

import torch
from sklearn.datasets import load_digits

from uniads.data.base import Data, Images
from uniads.data.split import split_by_class


@final
class Digits(Data):
    """1,797 real 8x8 grey images of ten digits. No download, no file.

    The set comes without a test part; a fifth of each class is set aside as one, always the same.

    Source: Alpaydin and Kaynak 1998, doi:10.24432/C50P49, as shipped by scikit-learn.
    """

    def __init__(self, **common: Any) -> None:
        super().__init__(num_classes=10, **common)

    def read(self, train: bool) -> Images:
        images, label = load_digits(return_X_y=True)
        pixels = torch.from_numpy(images).view(-1, 1, 8, 8).mul(255 / 16).round().to(torch.uint8)
        kept, held = split_by_class(torch.from_numpy(label), 0.2, seed=0)
        index = kept if train else held
        return Images(pixels[index], torch.from_numpy(label)[index])
