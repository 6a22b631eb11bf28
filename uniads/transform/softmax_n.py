"""For each coordinate, a distribution over the samples of a batch."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform
from uniads.transform.temperature import temperature


class SoftmaxN(Transform):
    """T(x) = softmax_n( x / τ ): a distribution over the batch.

    For a batch of one it is 1 everywhere and teaches nothing.

    Source: the operator list of DetKDS (ICML 2024).

    Args:
        tau: the temperature τ, finite, above 0.

    Raises:
        UserError: tau is not finite or not above 0.

    Example:
        >>> from torch import tensor
        >>> SoftmaxN(tau=1.0)(tensor([[0.0], [1.0]])).round(decimals=3)
        tensor([[0.2690],
                [0.7310]])
    """

    simplex: ClassVar[tuple[int, ...] | None] = (0,)

    def __init__(self, tau: float = 1.0) -> None:
        super().__init__()
        self.tau = temperature(tau)

    def compute(self, x: Tensor) -> Tensor:
        return (x / self.tau).softmax(0)
