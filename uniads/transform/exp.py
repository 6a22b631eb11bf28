"""The exponential, bounded."""

from torch import Tensor

from uniads.error import UserError
from uniads.transform.base import Transform

MOST = 32.0
"""exp(32) is 8e13, just below the 1e14 at which distances saturate."""


class Exp(Transform):
    """T(x) = exp(min(x, bound)). Above the bound the gradient is 0.

    Source: the operator list of DetKDS (ICML 2024); the bound is ours, exp itself overflows float32 above 88.7.

    Args:
        bound: the largest exponent, above 0, at most 32.

    Raises:
        UserError: bound is outside (0, 32].

    Example:
        >>> from torch import tensor
        >>> Exp(bound=1.0)(tensor([[0.0, 5.0]])).round(decimals=3)
        tensor([[1.0000, 2.7180]])
    """

    def __init__(self, bound: float = 20.0) -> None:
        super().__init__()
        if not 0 < bound <= MOST:
            raise UserError(f"bound must be above 0 and at most {MOST:g}, got {bound}; 20 suits ordinary logits")
        self.bound = bound

    def compute(self, x: Tensor) -> Tensor:
        return x.clamp(max=self.bound).exp()
