"""For each channel, a distribution over the positions of a map."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform
from uniads.transform.temperature import temperature


class SoftmaxHW(Transform):
    """T(x) = softmax_p( x / τ ): each channel of each sample as a distribution over the positions p.

    With the distance kl it gives channel-wise distillation, arXiv:2011.13256. Maps only: the axes of ``simplex`` are
    those of rank 4.

    Args:
        tau: the temperature τ, finite, above 0.

    Raises:
        UserError: tau is not finite or not above 0.

    Example:
        >>> from torch import tensor
        >>> SoftmaxHW(tau=1.0)(tensor([[[[0.0, 1.0]]]])).round(decimals=3)
        tensor([[[[0.2690, 0.7310]]]])
    """

    ranks: ClassVar[dict[int, int]] = {4: 4}
    simplex: ClassVar[tuple[int, ...] | None] = (2, 3)

    def __init__(self, tau: float = 1.0) -> None:
        super().__init__()
        self.tau = temperature(tau)

    def compute(self, x: Tensor) -> Tensor:
        return (x / self.tau).flatten(2).softmax(2).reshape(x.shape)
