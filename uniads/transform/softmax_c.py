"""Class probabilities."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform
from uniads.transform.temperature import temperature


class SoftmaxC(Transform):
    """T(x) = softmax_c( x / τ ): a distribution over the channels or classes.

    On logits these are the class probabilities of knowledge distillation, arXiv:1503.02531, and of DIST,
    arXiv:2205.10536, which both divide the logits by τ inside the softmax.

    Args:
        tau: the temperature τ, finite, above 0.

    Raises:
        UserError: tau is not finite or not above 0.

    Example:
        >>> from torch import tensor
        >>> SoftmaxC(tau=1.0)(tensor([[0.0, 1.0]])).round(decimals=3)
        tensor([[0.2690, 0.7310]])
    """

    simplex: ClassVar[tuple[int, ...] | None] = (1,)

    def __init__(self, tau: float = 1.0) -> None:
        super().__init__()
        self.tau = temperature(tau)

    def compute(self, x: Tensor) -> Tensor:
        return (x / self.tau).softmax(1)
