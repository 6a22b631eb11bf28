"""Kullback-Leibler divergence of similarities, each row of which counts as a distribution."""

from torch import Tensor

from uniads.distance.base import Distance

EPS = 1e-7


class SimilarityKL(Distance):
    """D(s, t) = mean p_t · log((p_t + 1e-7) / (p_s + 1e-7)), over all elements, with p = x / Σ x over axis 1.

    Negative entries count as 0, and a row of zeros stays one. For similarities (N, N) of a batch, as after the
    transforms norm_c, mm and scale. The mean is over all N² elements, as in the authors' code, so that the sum over a
    row, a divergence, is divided by N.

    Source: probabilistic knowledge transfer, arXiv:1803.10837, and its code.

    Example:
        >>> from torch import tensor
        >>> SimilarityKL()(tensor([[1.0, 1.0]]), tensor([[1.0, 3.0]])).round(decimals=3)
        tensor(0.0650)
    """

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        p_s, p_t = _distribution(student), _distribution(teacher)
        divergence = (p_t * ((p_t + EPS) / (p_s + EPS)).log()).mean()
        return divergence.clamp(min=0)  # the 1e-7 may bring the value of nearly equal rows below 0


def _distribution(x: Tensor) -> Tensor:
    x = x.clamp(min=0)
    return x / x.sum(1, keepdim=True).clamp(min=1e-30)
