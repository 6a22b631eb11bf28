"""Data sets: in memory as bytes, with batched augmentation and a validation split out of the training set.

A new set is two files. One class, here or anywhere that Python imports from, say ``stripes.py``::

    from typing import Any, final

    import torch

    from uniads.data.base import Data, Images


    @final
    class Stripes(Data):
        # Grey images of stripes, upright or lying.

        def __init__(self, images: int, **common: Any) -> None:
            super().__init__(num_classes=2, **common)
            self.images = images

        def read(self, train: bool) -> Images:
            label = torch.arange(self.images) % 2
            upright = torch.tensor([0, 255], dtype=torch.uint8).repeat(4).expand(8, 8)
            noise = torch.randint(0, 60, (self.images, 8, 8), generator=torch.Generator().manual_seed(int(train)))
            pixels = torch.where(label.bool()[:, None, None], upright, upright.T).clamp(60, 195) + noise - 30
            return Images(pixels.unsqueeze(1).to(torch.uint8), label)

and one option, ``conf/data/stripes.yaml``, or ``data/stripes.yaml`` in a folder that ``--config-dir`` names::

    _target_: stripes.Stripes
    images: 200
    mean: [0.5]
    std: [0.25]
    padding: 1
    flip: true

Then ``data=stripes`` trains on it. Splits, seeds, augmentation and checks are the base class's. Images that do not fit
into memory are read from folders: ``data=imagefolder``.
"""
