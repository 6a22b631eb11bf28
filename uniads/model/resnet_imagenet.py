"""Residual networks for large images."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.model.resnet import BasicBlock
from uniads.model.stages import init_convolutions, plan_channels, pool_positions, projection, stack


def bottleneck(into: int, out: int, stride: int) -> nn.Module:
    """The bottleneck of torchvision: a quarter of the channels inside, the stride in the 3x3 convolution."""
    shortcut = None if stride == 1 and into == out else projection(into, out, stride)
    block: nn.Module = Bottleneck(into, out // Bottleneck.expansion, stride, shortcut)
    return block


class ImageNetResNet(Network):
    """The ImageNet ResNet: a 7x7 stem of stride 2, a 3x3 max pooling of stride 2, then the stages.

    Depth: 2 · sum(blocks) + 2, with bottlenecks 3 · sum(blocks) + 2. Taps: f0 the stem before its pooling, then each
    stage, all after ReLU. The embedding is the mean of the last map over its pixels. The first stage keeps the
    resolution, each further one halves it. Keys are torchvision's, so its weights load.

    Source: He et al., arXiv:1512.03385, table 1.

    Args:
        blocks: number of blocks in each stage, one stage or more.
        channels: channels of the stem, then of the output of each stage.
        bottlenecks: blocks of three convolutions instead of two.
        width: factor on all channels, the stem's included; a product is rounded to a whole number of at least 1, with
            bottlenecks to a multiple of 4.
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
        bottlenecks: bool = False,
        width: int | float = 1.0,
        num_classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        channels = plan_channels(
            blocks=blocks,
            channels=channels,
            width=width,
            num_classes=num_classes,
            in_channels=in_channels,
            multiple=Bottleneck.expansion if bottlenecks else 1,
        )
        block = bottleneck if bottlenecks else BasicBlock
        self.conv1 = nn.Conv2d(in_channels, channels[0], 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.stages = [f"layer{stage}" for stage in range(1, len(blocks) + 1)]
        for name, depth, (into, out) in zip(self.stages, blocks, pairwise(channels), strict=True):
            self.add_module(name, stack(block, depth, into, out, stride=1 if name == "layer1" else 2))
        self.fc = nn.Linear(channels[-1], num_classes)
        init_convolutions(self)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        features = self.maps(image)
        embedding = features[-1].mean((2, 3))
        return Knowledge(features, embedding, self.fc(embedding))

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        stem = F.relu(self.bn1(self.conv1(image)), inplace=True)
        features = [stem]
        x = F.max_pool2d(stem, 3, 2, padding=1)
        for name in self.stages:
            x = getattr(self, name)(x)
            features.append(x)
        return tuple(features)

    def tail(self) -> nn.Module:
        if len(self.stages) == 1:
            return super().tail()  # no tap shows what its stage is given
        return nn.Sequential(getattr(self, self.stages[-1]), pool_positions(), self.fc)
