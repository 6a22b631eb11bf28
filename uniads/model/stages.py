"""What the families share: channel counts, depths and shortcuts of a network made of stages."""

from collections.abc import Callable, Sequence
from math import inf

from torch import nn

from uniads.error import UserError


def plan_channels(
    *,
    blocks: Sequence[int],
    channels: Sequence[int],
    width: int | float,
    num_classes: int,
    in_channels: int,
    ends: Sequence[str] = ("stem",),
    multiple: int = 1,
) -> list[int]:
    """Check the sizes of a network and return its channel counts.

    Each count is ``width · channels[i]``, rounded to the nearest multiple (halves up) and at least one multiple. The
    width scales every count, those of the ends included.

    Args:
        blocks: number of blocks in each stage, each at least 1.
        channels: channels of the stem, if any, then of each stage, then of the head, if any.
        width: factor on all channels, positive.
        num_classes: number of classes, at least 1.
        in_channels: channels of the image, at least 1.
        ends: what has channels beside the stages.
        multiple: what the architecture's groups and splits must divide.

    Raises:
        UserError: a size is out of its range, or channels and blocks don't fit together.
    """
    if not blocks:
        raise UserError("blocks is empty, allowed: at least one stage; give the number of blocks of each stage")
    for name, counts in {"blocks": blocks, "channels": channels}.items():
        if any(not isinstance(count, int) or count < 1 for count in counts):
            raise UserError(f"{name} is {list(counts)}, allowed: whole numbers of at least 1; raise the smaller ones")
    if len(channels) != len(blocks) + len(ends):
        beside = " and the ".join(("", *ends))
        raise UserError(
            f"channels has {len(channels)} entries, allowed: {len(blocks) + len(ends)}, one for each of the "
            f"{len(blocks)} stages in blocks{beside}; give channels and blocks together"
        )
    if not 0 < width < inf:
        raise UserError(f"width is {width}, allowed: a positive number; use 1.0 for the channels as given")
    for name, count in {"num_classes": num_classes, "in_channels": in_channels}.items():
        if count < 1:
            raise UserError(f"{name} is {count}, allowed: at least 1; take it from the data set")
    return [multiple * max(1, int(width * count / multiple + 0.5)) for count in channels]


def stack(block: Callable[[int, int, int], nn.Module], depth: int, into: int, out: int, stride: int) -> nn.Sequential:
    """A stage of ``depth`` blocks: the first one changes channels and resolution, the others keep them."""
    return nn.Sequential(block(into, out, stride), *(block(out, out, 1) for _ in range(depth - 1)))


def pool_positions() -> nn.Module:
    """A module that gives the mean of a map over its pixels."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def projection(into: int, out: int, stride: int) -> nn.Module:
    """The shortcut of a residual block: a 1x1 convolution with batch norm where the shape changes, else nothing."""
    if stride == 1 and into == out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))


def init_convolutions(network: nn.Module) -> None:
    """Draw every k x k convolution from N(0, 2 / (k² · out)) and set its bias to 0.

    This is Kaiming's rule with fan out and ReLU (arXiv:1502.01852, section 2.2).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def init_classifier(classifier: nn.Linear) -> None:
    """Draw the weight of a classifier from N(0, 0.01²) and set its bias to 0."""
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
