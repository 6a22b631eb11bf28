"""Each coordinate with length one over the batch."""

from torch import Tensor
from torch.nn import functional as F

from uniads.transform.base import Transform


class NormN(Transform):
    """T(x)[:, i] = x[:, i] / max(‖x[:, i]‖₂, 1e-12), with the l2 norm over the batch. Zero stays zero.

    For a batch of one it leaves only the signs, with zero gradient.

    Source: the operator list of DetKDS (ICML 2024).

    Example:
        >>> from torch import tensor
        >>> NormN()(tensor([[3.0], [4.0]]))
        tensor([[0.6000],
                [0.8000]])
    """

    def compute(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=0)
