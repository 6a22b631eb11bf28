"""A student whose answer is given by its teacher's classifier."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.model.base import Network

CONNECTED = "connected"
"""The entry of a student's file that says how it is connected."""


@final
class Connected(Network):
    """A body whose last feature map is connected to a map of its teacher's, and a frozen classifier of that map's mean.

    m = c(P(f)), e = mean of m over its positions, z = W e + b. f is the body's last feature map, P average-pools it to
    ``size`` where it is larger, and c = ReLU(BN(1x1)) of ReLU(BN(3x3)) of ReLU(BN(1x1)), without biases, from the
    body's channels to max(1, width // factor), the same, and ``width``. Taps: the body's, with m in place of the last.

    W and b get no gradient, so no optimizer changes them. They are part of the network and of its size all the same,
    since it can't answer without them. What of the body only its own answer needed is removed.

    Source: Chen et al., arXiv:2203.14001, figure 2 and section 3.2, and its code.

    Args:
        body: the student; it becomes part of this network and loses its classifier.
        channels: of f.
        width: channels of m, the teacher's.
        size: height and width of the teacher's map.
        num_classes: number of classes.
        bias: whether there is a b.
        factor: the bottleneck's reduction, at least 1.

    Raises:
        UserError: a number is below 1.
    """

    def __init__(
        self,
        body: Network,
        channels: int,
        width: int,
        size: Sequence[int],
        num_classes: int,
        bias: bool = True,
        factor: int = 2,
    ) -> None:
        super().__init__()
        numbers = {"channels": channels, "width": width, "num_classes": num_classes, "factor": factor}
        for name, number in {**numbers, "height": size[0], "width of a map": size[-1]}.items():
            if number < 1:
                raise UserError(f"a connected student's {name} must be at least 1, got {number}")
        self.facts: Mapping[str, Any] = {
            "channels": channels, "width": width, "size": [int(side) for side in size], "bias": bias, "factor": factor,
        }  # fmt: skip
        self.size = (int(size[0]), int(size[1]))
        body.drop_head()
        self.body = body
        narrow = max(1, width // factor)
        self.connector = nn.Sequential(
            *_layer(channels, narrow, 1), *_layer(narrow, narrow, 3), *_layer(narrow, width, 1)
        )
        self.classifier = nn.Linear(width, num_classes, bias)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        features = self.maps(image)
        embedding = features[-1].mean((2, 3))
        bias = None if self.classifier.bias is None else self.classifier.bias.detach()
        return Knowledge(features, embedding, F.linear(embedding, self.classifier.weight.detach(), bias))

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        *before, last = self.body.maps(image)
        return (*before, self.connector(pool_to(last, self.size)))


def pool_to(x: Float[Tensor, "n c _ _"], size: Sequence[int]) -> Float[Tensor, "n c _ _"]:
    """A map, average-pooled where it is higher or wider than a size; one that is not is returned as it is."""
    height, width = min(x.shape[2], size[0]), min(x.shape[3], size[1])
    return x if x.shape[2:] == (height, width) else F.adaptive_avg_pool2d(x, (height, width))


def _layer(into: int, out: int, kernel: int) -> list[nn.Module]:
    convolution = nn.Conv2d(into, out, kernel, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
