"""Spatial attention: where the energy of a map sits."""

from math import log
from typing import ClassVar, Literal

from torch import Tensor

from uniads.error import UserError
from uniads.transform.base import Transform
from uniads.transform.temperature import temperature


class Satt(Transform):
    """T(x) = x · √A with A[n, p] = P · softmax_p( mean_c |x[n, c, p]| / τ ), p one of the P = HW positions.

    A has mean 1 over the positions. Public code disagrees on the view: DetKDS (ICML 2024) multiplies the map by √A,
    which keeps its shape and is the default here; Auto-DAS (ECCV 2024) returns A itself. A is that of FGD,
    arXiv:2111.11837.

    Args:
        tau: the temperature τ, finite, above 0.
        returns: ``"map"`` for x · √A, ``"attention"`` for A, of shape (N, 1, H, W) or (N, 1, L).

    Raises:
        UserError: tau is not finite or not above 0, or returns is another word.

    Example:
        >>> from torch import tensor
        >>> Satt(tau=1.0)(tensor([[[0.0, 1.0]]])).round(decimals=3)
        tensor([[[0.0000, 1.2090]]])
    """

    ranks: ClassVar[dict[int, int]] = {3: 3, 4: 4}

    def __init__(self, tau: float = 0.5, returns: Literal["map", "attention"] = "map") -> None:
        super().__init__()
        if returns not in ("map", "attention"):
            raise UserError(f"returns must be 'map' or 'attention', got {returns!r}; 'map' keeps the shape")
        self.tau = temperature(tau)
        self.returns = returns

    def compute(self, x: Tensor) -> Tensor:
        energy = x.abs().mean(1, keepdim=True).flatten(2) / self.tau
        # In logarithms, because √A has no finite gradient where the softmax underflows to 0.
        attention = (energy.log_softmax(2) + log(energy.shape[2])).reshape(x.shape[0], 1, *x.shape[2:])
        return attention.exp() if self.returns == "attention" else x * (attention / 2).exp()
