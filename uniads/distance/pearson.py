"""Correlation of each sample's values: DIST's inter-class relation."""

from torch import Tensor

from uniads.distance.base import Distance
from uniads.distance.cosine import cosine


class Pearson(Distance):
    """D(s, t) = 1 − ρ(s[n], t[n]), each sample flattened to a vector, mean over the batch. In [0, 2].

    ρ(a, b) = cos(a − mean a, b − mean b): blind to the scale and the shift of each sample. A constant vector counts as
    uncorrelated, D = 1.

    Source: the inter-class relation of DIST, arXiv:2205.10536, there on softmax(z / τ) and times τ².

    Example:
        >>> from torch import tensor
        >>> Pearson()(tensor([[0.0, 1.0, 2.0]]), tensor([[4.0, 2.0, 0.0]]))
        tensor(2.)
    """

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        s, t = student.flatten(1), teacher.flatten(1)
        return (1 - cosine(s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True), axis=1)).mean()
