"""Wide residual networks."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.model.stages import init_convolutions, plan_channels, pool_positions, stack


class PreactBlock(nn.Module):
    """x' + conv3x3(ReLU(BN(conv3x3(a)))) with a = ReLU(BN(x)); x' is x, or conv1x1(a) where the shape changes."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(into)
        self.conv1 = nn.Conv2d(into, out, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        same = stride == 1 and into == out
        self.convShortcut = None if same else nn.Conv2d(into, out, 1, stride, bias=False)  # published key

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.bn1(x), inplace=True)
        out: Tensor = self.conv2(F.relu(self.bn2(self.conv1(active)), inplace=True))
        return out + (x if self.convShortcut is None else self.convShortcut(active))


class WideResNet(Network):
    """The wide ResNet of preactivation blocks: depth 2 · sum(blocks) + 4 for three stages.

    Taps: f0 the stem's convolution, then the sum of each stage's last block, all raw: neither batch norm nor ReLU.
    The embedding is the mean over the pixels of the last map after batch norm and ReLU. The first stage keeps the
    resolution, each further one halves it.

    Source: Zagoruyko and Komodakis, arXiv:1605.07146, table 1; key names of the CRD benchmark, arXiv:1910.10699.

    Args:
        blocks: number of blocks in each stage, one stage or more.
        channels: channels of the stem, then of each stage, with the paper's factor k multiplied in.
        width: factor on all channels, the stem's included; a product is rounded to a whole number of at least 1.
        num_classes: number of classes.
        in_channels: channels of the image.

    Raises:
        UserError: a size is out of its range, or channels and blocks don't fit together.
    """

    ends = ("bn1", "fc")

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
        self.stages = [f"block{stage}" for stage in range(1, len(blocks) + 1)]
        for name, depth, (into, out) in zip(self.stages, blocks, pairwise(channels), strict=True):
            layer = stack(PreactBlock, depth, into, out, stride=1 if name == "block1" else 2)
            self.add_module(name, nn.Sequential(OrderedDict(layer=layer)))
        self.bn1 = nn.BatchNorm2d(channels[-1])
        self.fc = nn.Linear(channels[-1], num_classes)
        init_convolutions(self)
        nn.init.zeros_(self.fc.bias)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        features = self.maps(image)
        embedding = F.relu(self.bn1(features[-1]), inplace=True).mean((2, 3))
        return Knowledge(features, embedding, self.fc(embedding))

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        features = [self.conv1(image)]
        for name in self.stages:
            features.append(getattr(self, name)(features[-1]))
        return tuple(features)

    def neck(self) -> nn.Module:
        return nn.Sequential(self.bn1, nn.ReLU(inplace=True))

    def tail(self) -> nn.Module:
        return nn.Sequential(getattr(self, self.stages[-1]), self.bn1, nn.ReLU(inplace=True), pool_positions(), self.fc)
