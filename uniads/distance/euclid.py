"""Length of the difference."""

from torch import Tensor
from torch.linalg import vector_norm

from uniads.distance.base import Distance


class Euclid(Distance):
    """D(s, t) = ‖s[n] − t[n]‖₂, each sample flattened to a vector, mean over the batch. Not squared.

    The gradient at s = t is 0.

    Source: attention transfer as its paper writes it, arXiv:1612.03928, Eq. 2; its public code has ``l2``.

    Example:
        >>> from torch import tensor
        >>> Euclid()(tensor([[0.0, 0.0]]), tensor([[3.0, 4.0]]))
        tensor(5.)
    """

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        length: Tensor = vector_norm((student - teacher).flatten(1), dim=1)
        return length.mean()
