"""How the channels of each sample go together."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform


class BMM(Transform):
    """T(x)[n, a, b] = Σ_p x[n, a, p] · x[n, b, p]: the Gram matrix of the channels, over all positions p.

    Shape (N, C, C); a sum, not a mean, so it grows with H and W. A vector is a 1x1 map: its outer product.

    Source: the operator list of DetKDS (ICML 2024); such Gram matrices as knowledge: arXiv:2202.03680.

    Example:
        >>> from torch import tensor
        >>> BMM()(tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([[[ 5., 11.],
                 [11., 25.]]])
    """

    ranks: ClassVar[dict[int, int]] = {2: 3, 3: 3, 4: 3}

    def compute(self, x: Tensor) -> Tensor:
        rows = x.unsqueeze(-1).flatten(2)
        return rows @ rows.mT
