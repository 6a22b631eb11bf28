"""Squared length of the difference of rows."""

from torch import Tensor

from uniads.distance.base import Distance


class RowL2(Distance):
    """D(s, t) = Σ_j (s[..., j] − t[..., j])², a sum over the last axis and a mean over all others.

    The last axis's length times ``l2``. For Gram matrices (C, C) it is ‖S − T‖² / C, with the Frobenius norm, and for
    one (N, C, C) an image the same in the batch's mean, whatever C is.

    Source: inter-channel correlation, arXiv:2202.03680, whose code divides the sum by C · N.

    Example:
        >>> from torch import tensor
        >>> RowL2()(tensor([[0.0, 0.0], [1.0, 1.0]]), tensor([[3.0, -4.0], [1.0, 2.0]]))
        tensor(13.)
    """

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return (student - teacher).square().sum(-1).mean()
