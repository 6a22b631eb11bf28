"""Correlation of each dimension across the batch: DIST's intra-class relation."""

from typing import ClassVar

from torch import Tensor

from uniads.distance.base import Distance
from uniads.distance.cosine import cosine


class Correlation(Distance):
    """D(s, t) = 1 − ρ(s[:, i], t[:, i]), mean over the dimensions i of the flattened samples. In [0, 2].

    ρ(a, b) = cos(a − mean a, b − mean b), over the batch. A dimension that is constant over the batch counts as
    uncorrelated, D = 1; so for a batch of one D is 1, without gradient.

    Source: the intra-class relation of DIST, arXiv:2205.10536, there on softmax(z / τ) and times τ².

    Example:
        >>> from torch import tensor
        >>> Correlation()(tensor([[0.0, 0.0], [1.0, 2.0]]), tensor([[0.0, 1.0], [5.0, 0.0]]))
        tensor(1.)
    """

    separable: ClassVar[bool] = False

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        s, t = student.flatten(1), teacher.flatten(1)
        return (1 - cosine(s - s.mean(0), t - t.mean(0), axis=0)).mean()
