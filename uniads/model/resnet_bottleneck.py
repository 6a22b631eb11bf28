"""Residual networks of bottleneck blocks for small images."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.model.stages import init_convolutions, plan_channels, pool_positions, projection, stack


class Bottleneck(nn.Module):
    """ReLU(x' + BN(conv1x1(ReLU(BN(conv3x3(ReLU(BN(conv1x1(x)))))))) with a quarter of the channels inside.

    x' is x, or its projection where the shape changes; the 3x3 convolution carries the stride.
    """

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        inner = out // 4
        self.conv1 = nn.Conv2d(into, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.shortcut = projection(into, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.bn3(self.conv3(out))
        return F.relu(self.shortcut(x) + out, inplace=True)


class BottleneckResNet(Network):
    """The ImageNet ResNet of bottlenecks with a 3x3 stem and no first pooling: depth 3 · sum(blocks) + 2.

    Taps: f0 the stem, then each stage, all after ReLU. The embedding is the mean of the last map over its pixels.
    The first stage keeps the resolution, each further one halves it.

    Source: He et al., arXiv:1512.03385, section 4.1; stem and key names of the CRD benchmark, arXiv:1910.10699.

    Args:
        blocks: number of blocks in each stage, one stage or more.
        channels: channels of the stem, then of the output of each stage (four times those of its 3x3 convolutions).
        width: factor on all channels, the stem's included; a product is rounded to a multiple of 4.
        num_classes: number of classes.
        in_channels: channels of the image.

    Raises:
        UserError: a size is out of its range, or channels and blocks don't fit together.
    """

    ends = ("linear",)

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
            blocks=blocks, channels=channels, width=width, num_classes=num_classes, in_channels=in_channels, multiple=4
        )
        self.conv1 = nn.Conv2d(in_channels, channels[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.stages = [f"layer{stage}" for stage in range(1, len(blocks) + 1)]
        for name, depth, (into, out) in zip(self.stages, blocks, pairwise(channels), strict=True):
            self.add_module(name, stack(Bottleneck, depth, into, out, stride=1 if name == "layer1" else 2))
        self.linear = nn.Linear(channels[-1], num_classes)
        init_convolutions(self)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        features = self.maps(image)
        embedding = features[-1].mean((2, 3))
        return Knowledge(features, embedding, self.linear(embedding))

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        features = [F.relu(self.bn1(self.conv1(image)), inplace=True)]
        for name in self.stages:
            features.append(getattr(self, name)(features[-1]))
        return tuple(features)

    def tail(self) -> nn.Module:
        return nn.Sequential(getattr(self, self.stages[-1]), pool_positions(), self.linear)
