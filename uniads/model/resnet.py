"""Residual networks of basic blocks for small images."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.model.stages import init_convolutions, plan_channels, pool_positions, projection, stack


class BasicBlock(nn.Module):
    """ReLU(x' + BN(conv3x3(ReLU(BN(conv3x3(x)))))), with x' = x or its projection where the shape changes."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = projection(into, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        return F.relu(self.downsample(x) + out, inplace=True)


class ResNet(Network):
    """The CIFAR ResNet: depth 2 · sum(blocks) + 2, with projections where the shape changes.

    Taps: f0 the stem, then each stage, all after ReLU. The embedding is the mean of the last map over its pixels.
    The first stage keeps the resolution, each further one halves it.

    Source: He et al., arXiv:1512.03385, section 4.2; widths and key names of the CRD benchmark, arXiv:1910.10699.

    Args:
        blocks: number of blocks in each stage, one stage or more.
        channels: channels of the stem, then of each stage.
        width: factor on all channels, the stem's included; a product is rounded to a whole number of at least 1.
        num_classes: number of classes.
        in_channels: channels of the image.

    Raises:
        UserError: a size is out of its range, or channels and blocks don't fit together.
    """

    ends = ("fc",)

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
            blocks=blocks, channels=channels, width=width, num_classes=num_classes, in_channels=in_channels
        )
        self.conv1 = nn.Conv2d(in_channels, channels[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.stages = [f"layer{stage}" for stage in range(1, len(blocks) + 1)]
        for name, depth, (into, out) in zip(self.stages, blocks, pairwise(channels), strict=True):
            self.add_module(name, stack(BasicBlock, depth, into, out, stride=1 if name == "layer1" else 2))
        self.fc = nn.Linear(channels[-1], num_classes)
        init_convolutions(self)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        features = self.maps(image)
        embedding = features[-1].mean((2, 3))
        return Knowledge(features, embedding, self.fc(embedding))

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        features = [F.relu(self.bn1(self.conv1(image)), inplace=True)]
        for name in self.stages:
            features.append(getattr(self, name)(features[-1]))
        return tuple(features)

    def tail(self) -> nn.Module:
        return nn.Sequential(getattr(self, self.stages[-1]), pool_positions(), self.fc)
