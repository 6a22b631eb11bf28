"""A data set of your own, outside of the package: this file and ``conf/data/stripes.yaml``.

Run this file to check that it keeps what every data set promises. Run the command in this folder, to train on it:

    python stripes.py
    python -m uniads.train --config-dir conf +pair=resnet56-resnet20 data=stripes
"""

from typing import Any, final

import torch

from uniads.data.base import Data, Images
from uniads.testing import check_data


@final
class Stripes(Data):
    """Grey images of 8x8 pixels with stripes, upright or lying, under noise.

    Args:
        images: in the training set, and in the test set.
        common: arguments of ``Data``.
    """

    def __init__(self, images: int, **common: Any) -> None:
        super().__init__(num_classes=2, **common)
        self.images = images

    def read(self, train: bool) -> Images:
        label = torch.arange(self.images) % 2
        upright = torch.tensor([0, 255], dtype=torch.uint8).repeat(4).expand(8, 8)
        noise = torch.randint(0, 60, (self.images, 8, 8), generator=torch.Generator().manual_seed(int(train)))
        pixels = torch.where(label.bool()[:, None, None], upright, upright.T).clamp(60, 195) + noise - 30
        return Images(pixels.unsqueeze(1).to(torch.uint8), label)


if __name__ == "__main__":
    check_data(lambda: Stripes(images=200, mean=[0.5], std=[0.25], padding=1, flip=True))
    print("Stripes keeps all promises of a data set")
