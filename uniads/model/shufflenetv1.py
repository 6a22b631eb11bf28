"""Networks of grouped 1x1 convolutions whose channels are shuffled."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.model.stages import plan_channels, pool_positions


class ShuffleUnit(nn.Module):
    """ReLU(x + r), or ReLU([r, pool(x)]) where the resolution halves.

    r = BN(grouped conv1x1(ReLU(BN(depthwise3x3(shuffle(ReLU(BN(grouped conv1x1(x))))))))), a quarter of r's channels
    inside. The ReLU after the depthwise convolution is the CRD benchmark's, not the paper's.

    Args:
        into: channels of x.
        out: channels of the output, more than ``into`` where the resolution halves, else equal to it.
        stride: 2 halves the resolution, 1 keeps it.
        groups: groups of both 1x1 convolutions.
        entry: whether this is the network's first unit, whose first convolution has no groups.
    """

    def __init__(self, into: int, out: int, stride: int, groups: int, entry: bool = False) -> None:
        super().__init__()
        residual = out if stride == 1 else out - into
        inner = residual // 4
        self.stride = stride
        self.shuffled_groups = 1 if entry else groups
        self.conv1 = nn.Conv2d(into, inner, 1, groups=self.shuffled_groups, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, groups=inner, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, residual, 1, groups=groups, bias=False)
        self.bn3 = nn.BatchNorm2d(residual)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        if self.shuffled_groups > 1:
            out = F.channel_shuffle(out, self.shuffled_groups)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.bn3(self.conv3(out))
        if self.stride == 1:
            return F.relu(x + out, inplace=True)
        return F.relu(torch.cat((out, F.avg_pool2d(x, 3, stride=2, padding=1)), 1), inplace=True)


class ShuffleNetV1(Network):
    """ShuffleNet for small images: a 1x1 stem at full resolution, then stages that halve it.

    Taps: f0 the stem, then each stage, all after ReLU. The embedding is the mean of the last map over its pixels.

    Source: Zhang et al., arXiv:1707.01083, table 1; stem and key names of the CRD benchmark, arXiv:1910.10699.

    Args:
        blocks: number of units in each stage, one stage or more.
        channels: channels of the stem, then of each stage, growing.
        groups: groups of the 1x1 convolutions.
        width: factor on all channels, the stem's included; a product is rounded to a multiple of 4 · groups.
        num_classes: number of classes.
        in_channels: channels of the image.

    Raises:
        UserError: a size is out of its range, channels and blocks don't fit together, or the channels, after
            rounding, don't grow from stage to stage.
    """

    ends = ("linear",)

    def __init__(
        self,
        blocks: Sequence[int],
        channels: Sequence[int],
        groups: int = 3,
        width: int | float = 1.0,
        num_classes: int = 100,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        if groups < 1:
            raise UserError(f"groups is {groups}, allowed: at least 1; 3 is the benchmark's")
        channels = plan_channels(
            blocks=blocks,
            channels=channels,
            width=width,
            num_classes=num_classes,
            in_channels=in_channels,
            multiple=4 * groups,
        )
        if any(into >= out for into, out in pairwise(channels)):
            raise UserError(
                f"channels are {channels} after rounding to multiples of {4 * groups}, allowed: growing ones, for a "
                "stage's first unit adds channels to its input's; raise width or spread the channels"
            )
        self.conv1 = nn.Conv2d(in_channels, channels[0], 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.stages = [f"layer{stage}" for stage in range(1, len(blocks) + 1)]
        for name, depth, (into, out) in zip(self.stages, blocks, pairwise(channels), strict=True):
            first = ShuffleUnit(into, out, 2, groups, entry=name == "layer1")
            self.add_module(name, nn.Sequential(first, *(ShuffleUnit(out, out, 1, groups) for _ in range(depth - 1))))
        self.linear = nn.Linear(channels[-1], num_classes)

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
