"""Images of a batch mixed with each other, and their labels with them."""

from functools import cached_property
from typing import TYPE_CHECKING, final

import torch

from uniads.data.augment import drawing
from uniads.knowledge import Batch, MixedBatch

if TYPE_CHECKING:
    from torchvision.transforms import v2


@final
class Mix:
    """Each image with the one before it in its batch: mixup or CutMix, by chance 1/2 each where both are asked for.

    Mixup: λ x_i + (1 - λ) x_{i-1}. CutMix: x_i with a box of x_{i-1}, of the share 1 - λ of its area, less what is
    outside. The goal is λ y_i + (1 - λ) y_{i-1} of the one-hot labels, with the λ that the image has. λ is drawn from
    Beta(α, α), once for a batch. All depends on (seed, epoch, number of the batch) and on nothing else.

    Sources: Zhang et al., arXiv:1710.09412; Yun et al., arXiv:1905.04899; a random one of the two, as in Wightman et
    al., arXiv:2110.00476. Done by torchvision's ``v2.MixUp`` and ``v2.CutMix``.

    Args:
        mixup: α of mixup, 0 or more; 0 for none.
        cutmix: α of CutMix, likewise; one of the two is above 0.
        num_classes: number of classes.
        seed: of all draws.
    """

    def __init__(self, mixup: float, cutmix: float, num_classes: int, seed: int) -> None:
        self.mixup, self.cutmix, self.num_classes, self.seed = mixup, cutmix, num_classes, seed

    @cached_property
    def _ways(self) -> "list[v2.MixUp | v2.CutMix]":
        from torchvision.transforms import v2  # which takes a while to import

        ways = {v2.MixUp: self.mixup, v2.CutMix: self.cutmix}
        return [way(alpha=float(alpha), num_classes=self.num_classes) for way, alpha in ways.items() if alpha > 0]

    def __call__(self, batch: Batch, epoch: int, number: int) -> MixedBatch:
        """The batch with mixed images, and with the share of each class in them as its goal.

        Args:
            batch: with the labels and positions of the unmixed images, which it keeps.
            epoch: from 0.
            number: of the batch in its epoch, from 0.
        """
        with drawing(self.seed, epoch, f"mix{number}"):
            way = self._ways[int(torch.randint(len(self._ways), ()))]
            image, goal = way(batch.image, batch.label)
        return MixedBatch.of(batch, image, goal)
