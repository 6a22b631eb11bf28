"""Attention over the samples of a batch."""

from torch import Tensor

from uniads.transform.base import Transform
from uniads.transform.temperature import temperature


class Natt(Transform):
    """T(x) = N · softmax_n( x / τ ): for each value, which of the N samples has most of it.

    It has mean 1 over the batch; for a batch of one it is 1 everywhere and teaches nothing.

    Source: the operator list of DetKDS (ICML 2024).

    Args:
        tau: the temperature τ, finite, above 0.

    Raises:
        UserError: tau is not finite or not above 0.

    Example:
        >>> from torch import tensor
        >>> Natt(tau=1.0)(tensor([[0.0], [1.0]])).round(decimals=3)
        tensor([[0.5380],
                [1.4620]])
    """

    def __init__(self, tau: float = 0.5) -> None:
        super().__init__()
        self.tau = temperature(tau)

    def compute(self, x: Tensor) -> Tensor:
        return x.shape[0] * (x / self.tau).softmax(0)
