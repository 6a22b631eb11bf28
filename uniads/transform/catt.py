"""Channel attention: which channels hold the energy."""

from math import log
from typing import Literal

from torch import Tensor

from uniads.error import UserError
from uniads.transform.base import Transform
from uniads.transform.temperature import temperature


class Catt(Transform):
    """T(x) = x · √A with A[n, c] = C · softmax_c( mean_p |x[n, c, p]| / τ ), p the positions, C the channels.

    A has mean 1 over the channels. Public code disagrees on the view: DetKDS (ICML 2024) multiplies the map by √A,
    which keeps its shape and is the default here; Auto-DAS (ECCV 2024) returns A itself. A is that of FGD,
    arXiv:2111.11837.

    Args:
        tau: the temperature τ, finite, above 0.
        returns: ``"map"`` for x · √A, ``"attention"`` for A, of shape (N, C, 1, 1), (N, C, 1) or (N, C).

    Raises:
        UserError: tau is not finite or not above 0, or returns is another word.

    Example:
        >>> from torch import tensor
        >>> Catt(tau=1.0)(tensor([[0.0, 1.0]])).round(decimals=3)
        tensor([[0.0000, 1.2090]])
    """

    def __init__(self, tau: float = 0.5, returns: Literal["map", "attention"] = "map") -> None:
        super().__init__()
        if returns not in ("map", "attention"):
            raise UserError(f"returns must be 'map' or 'attention', got {returns!r}; 'map' keeps the shape")
        self.tau = temperature(tau)
        self.returns = returns

    def compute(self, x: Tensor) -> Tensor:
        energy = x.unsqueeze(-1).abs().flatten(2).mean(2) / self.tau
        # In logarithms, because √A has no finite gradient where the softmax underflows to 0.
        attention = energy.log_softmax(1) + log(energy.shape[1])
        attention = attention.reshape(*energy.shape, *(1 for _ in x.shape[2:]))
        return attention.exp() if self.returns == "attention" else x * (attention / 2).exp()
