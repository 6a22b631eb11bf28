"""Plain networks of 3x3 convolutions with batch norm."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.model.stages import init_classifier, init_convolutions, plan_channels, pool_positions

SMALLEST_POOLED = 4
"""No max pooling makes a map smaller than this, so a 32x32 image is pooled three times and a 64x64 image four."""


class Halved(nn.Module):
    """2x2 max pooling, but of a map that it would make too small."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2) if min(x.shape[2:]) >= 2 * SMALLEST_POOLED else x


class VGG(Network):
    """VGG with batch norm and one linear classifier: depth sum(blocks) + 1 (the published names count two more).

    Taps: the output of each stage after ReLU and before pooling; f0 has the image's resolution. A 2x2 max pooling
    stands between two stages while the pooled map is at least 4 pixels high and wide. The embedding is the mean of
    the last map over its pixels.

    Source: Simonyan and Zisserman, arXiv:1409.1556, table 1; pooling and key names of the CRD benchmark,
    arXiv:1910.10699.

    Args:
        blocks: number of convolutions in each stage, one stage or more.
        channels: channels of each stage; there is no stem.
        width: factor on all channels; a product is rounded to a whole number of at least 1.
        num_classes: number of classes.
        in_channels: channels of the image.

    Raises:
        UserError: a size is out of its range, or channels and blocks don't fit together.
    """

    ends = ("classifier",)

    def __init__(
        self,
        blocks: Sequence[int],
        channels: Sequence[int],
        width: int | float = 1.0,
        num_classes: int = 100,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        channels = plan_channels(
            blocks=blocks, channels=channels, width=width, num_classes=num_classes, in_channels=in_channels, ends=()
        )
        self.stages = [f"block{stage}" for stage in range(len(blocks))]
        for name, depth, (into, out) in zip(self.stages, blocks, pairwise([in_channels, *channels]), strict=True):
            layers: list[nn.Module] = []
            for source in (into, *[out] * (depth - 1)):
                layers += [nn.Conv2d(source, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
            self.add_module(name, nn.Sequential(*layers))
        self.classifier = nn.Linear(channels[-1], num_classes)
        init_convolutions(self)
        init_classifier(self.classifier)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        features = self.maps(image)
        embedding = features[-1].mean((2, 3))
        return Knowledge(features, embedding, self.classifier(embedding))

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        features: list[Tensor] = []
        halved = Halved()
        x = image
        for name in self.stages:
            x = getattr(self, name)(halved(x) if features else x)
            features.append(x)
        return tuple(features)

    def tail(self) -> nn.Module:
        if len(self.stages) == 1:
            return super().tail()  # no tap shows what its stage is given
        return nn.Sequential(Halved(), getattr(self, self.stages[-1]), pool_positions(), self.classifier)
