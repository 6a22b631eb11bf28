"""Each sample stretched over [0, 1]."""

from torch import Tensor

from uniads.transform.base import Transform

EPS = 1e-6


class MinMax(Transform):
    """T(x) = (x − min) / (max − min + 1e-6), with min and max of each sample over all its channels and positions.

    Per sample, not over the batch: a sample's view must not depend on its batch mates, and one outlier must not
    flatten the others. A constant sample becomes 0.

    Source: the operator list of DetKDS (ICML 2024).

    Example:
        >>> from torch import tensor
        >>> MinMax()(tensor([[1.0, 2.0, 5.0]])).round(decimals=3)
        tensor([[0.0000, 0.2500, 1.0000]])
    """

    def compute(self, x: Tensor) -> Tensor:
        axes = tuple(range(1, x.ndim))
        low, high = x.amin(axes, keepdim=True), x.amax(axes, keepdim=True)
        return (x - low) / (high - low + EPS)
