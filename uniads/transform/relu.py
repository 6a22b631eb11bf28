"""The positive part."""

from torch import Tensor

from uniads.transform.base import Transform


class ReLU(Transform):
    """T(x) = max(x, 0). The gradient at 0 is 0.

    Example:
        >>> from torch import tensor
        >>> ReLU()(tensor([[3.0, -2.0]]))
        tensor([[3., 0.]])
    """

    def compute(self, x: Tensor) -> Tensor:
        return x.relu()
