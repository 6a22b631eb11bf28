"""Networks that split their channels, work on one half, and shuffle."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.model.stages import plan_channels, pool_positions, stack


def interleave(left: Tensor, right: Tensor) -> Tensor:
    """Channels left[0], right[0], left[1], ...: both halves joined and shuffled in two groups, in a single copy."""
    return torch.stack((left, right), 2).flatten(1, 2)


class SplitUnit(nn.Module):
    """interleave(a, ReLU(BN(conv1x1(BN(depthwise3x3(ReLU(BN(conv1x1(b))))))))) for the halves a, b of x's channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Conv2d(half, half, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, half, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(half)

    def forward(self, x: Tensor) -> Tensor:
        kept, out = x.chunk(2, 1)
        out = F.relu(self.bn1(self.conv1(out)), inplace=True)
        out = self.bn2(self.conv2(out))
        out = F.relu(self.bn3(self.conv3(out)), inplace=True)
        return interleave(kept, out)


class DownUnit(nn.Module):
    """Halve the resolution: all of x goes down two branches, which are interleaved.

    Left: ReLU(BN(conv1x1(BN(depthwise3x3(x))))). Right: the branch of ``SplitUnit`` with stride 2.
    """

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        half = out // 2
        self.conv1 = nn.Conv2d(into, into, 3, 2, padding=1, groups=into, bias=False)
        self.bn1 = nn.BatchNorm2d(into)
        self.conv2 = nn.Conv2d(into, half, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(into, half, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(half)
        self.conv4 = nn.Conv2d(half, half, 3, 2, padding=1, groups=half, bias=False)
        self.bn4 = nn.BatchNorm2d(half)
        self.conv5 = nn.Conv2d(half, half, 1, bias=False)
        self.bn5 = nn.BatchNorm2d(half)

    def forward(self, x: Tensor) -> Tensor:
        left = self.bn1(self.conv1(x))
        left = F.relu(self.bn2(self.conv2(left)), inplace=True)
        right = F.relu(self.bn3(self.conv3(x)), inplace=True)
        right = self.bn4(self.conv4(right))
        right = F.relu(self.bn5(self.conv5(right)), inplace=True)
        return interleave(left, right)


def unit(into: int, out: int, stride: int) -> nn.Module:
    """The unit of this stride."""
    return SplitUnit(out) if stride == 1 else DownUnit(into, out)


class ShuffleNetV2(Network):
    """ShuffleNetV2 for small images: a 1x1 stem at full resolution, then stages that halve it, then a 1x1 head.

    Taps: f0 the stem, then each stage, all after ReLU and shuffle. The embedding is the mean over the pixels of the
    head, a 1x1 convolution with batch norm and ReLU.

    Source: Ma et al., arXiv:1807.11164, table 5; stem and key names of the CRD benchmark, arXiv:1910.10699.

    Args:
        blocks: number of units in each stage, the one that halves the resolution included; one stage or more.
        channels: channels of the stem, then of each stage, then of the head.
        width: factor on all channels, stem and head included; a product is rounded to a multiple of 2.
        num_classes: number of classes.
        in_channels: channels of the image.

    Raises:
        UserError: a size is out of its range, or channels and blocks don't fit together.
    """

    ends = ("conv2", "bn2", "linear")

    def __init__(
        self,
        blocks: Sequence[int],
        channels: Sequence[int],
        width: int | float = 1.0,
        num_classes: int = 100,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        *channels, head = plan_channels(
            blocks=blocks,
            channels=channels,
            width=width,
            num_classes=num_classes,
            in_channels=in_channels,
            ends=("stem", "head"),
            multiple=2,
        )
        self.conv1 = nn.Conv2d(in_channels, channels[0], 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.stages = [f"layer{stage}" for stage in range(1, len(blocks) + 1)]
        for name, depth, (into, out) in zip(self.stages, blocks, pairwise(channels), strict=True):
            self.add_module(name, stack(unit, depth, into, out, stride=2))
        self.conv2 = nn.Conv2d(channels[-1], head, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(head)
        self.linear = nn.Linear(head, num_classes)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        features = self.maps(image)
        embedding = F.relu(self.bn2(self.conv2(features[-1])), inplace=True).mean((2, 3))
        return Knowledge(features, embedding, self.linear(embedding))

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        features = [F.relu(self.bn1(self.conv1(image)), inplace=True)]
        for name in self.stages:
            features.append(getattr(self, name)(features[-1]))
        return tuple(features)

    def neck(self) -> nn.Module:
        return nn.Sequential(self.conv2, self.bn2, nn.ReLU(inplace=True))

    def tail(self) -> nn.Module:
        head = (self.conv2, self.bn2, nn.ReLU(inplace=True))
        return nn.Sequential(getattr(self, self.stages[-1]), *head, pool_positions(), self.linear)
