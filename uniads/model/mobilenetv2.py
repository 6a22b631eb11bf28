"""Networks of inverted residual blocks."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.model.stages import init_classifier, init_convolutions, plan_channels, pool_positions, stack


def conv_bn_relu(into: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution that keeps the resolution but for its stride, with batch norm and ReLU."""
    convolution = nn.Conv2d(into, out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(out), nn.ReLU(inplace=True)]


class InvertedResidual(nn.Module):
    """[x +] BN(conv1x1(depthwise3x3(conv1x1(x)))), wide inside and linear at the end.

    x is added where the shape stays. Both inner convolutions have batch norm and ReLU. The first of them exists even
    for an expansion of 1.
    """

    def __init__(self, into: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = expansion * into
        self.residual = stride == 1 and into == out
        self.conv = nn.Sequential(
            *conv_bn_relu(into, inner, 1),
            *conv_bn_relu(inner, inner, 3, stride, groups=inner),
            nn.Conv2d(inner, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return x + out if self.residual else out


class MobileNetV2(Network):
    """MobileNetV2 for small images: the stem halves the resolution, so do the stages of stride 2.

    Taps: f0 the stem after ReLU, then the last stage of each resolution, linear (no ReLU). The embedding is the mean
    over the pixels of the head, a 1x1 convolution with batch norm and ReLU.

    Source: Sandler et al., arXiv:1801.04381, table 2; strides and key names of the CRD benchmark, arXiv:1910.10699.
    Its published network has half the paper's channels except in the head; the channels given here are the final ones.

    Args:
        blocks: number of blocks in each stage, one stage or more.
        channels: channels of the stem, then of each stage, then of the head.
        strides: stride of each stage, 1 or 2.
        expansion: inner channels of a block by its input channels (the paper's t), at least 1; the first stage has 1.
        width: factor on all channels, head included; a product is rounded to a whole number of at least 1.
        num_classes: number of classes.
        in_channels: channels of the image.

    Raises:
        UserError: a size is out of its range, or channels, strides and blocks don't fit together.
    """

    ends = ("conv2", "classifier")

    def __init__(
        self,
        blocks: Sequence[int],
        channels: Sequence[int],
        strides: Sequence[int],
        expansion: int = 6,
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
        )
        if len(strides) != len(blocks) or not set(strides) <= {1, 2}:
            raise UserError(
                f"strides is {list(strides)}, allowed: a 1 or a 2 for each of the {len(blocks)} stages; "
                "give strides and blocks together"
            )
        if expansion < 1:
            raise UserError(f"expansion is {expansion}, allowed: at least 1; 6 is the paper's")
        self.conv1 = nn.Sequential(*conv_bn_relu(in_channels, channels[0], 3, stride=2))
        self.blocks = nn.ModuleList()
        for depth, (into, out), stride in zip(blocks, pairwise(channels), strides, strict=True):
            block = partial(InvertedResidual, expansion=expansion if self.blocks else 1)
            self.blocks.append(stack(block, depth, into, out, stride))
        self.tapped = [stride == 2 for stride in (*strides[1:], 2)]
        self.conv2 = nn.Sequential(*conv_bn_relu(channels[-1], head, 1))
        classifier = nn.Linear(head, num_classes)
        self.classifier = nn.Sequential(classifier)
        init_convolutions(self)
        init_classifier(classifier)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        features = self.maps(image)
        embedding = self.conv2(features[-1]).mean((2, 3))
        return Knowledge(features, embedding, self.classifier(embedding))

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        x = self.conv1(image)
        features = [x]
        for stage, tapped in zip(self.blocks, self.tapped, strict=True):
            x = stage(x)
            if tapped:
                features.append(x)
        return tuple(features)

    def neck(self) -> nn.Module:
        return self.conv2

    def tail(self) -> nn.Module:
        start = max((position for position, tapped in enumerate(self.tapped[:-1]) if tapped), default=-1) + 1
        return nn.Sequential(*self.blocks[start:], self.conv2, pool_positions(), self.classifier)
