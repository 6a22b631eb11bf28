"""How the samples of a batch go together."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform


class MM(Transform):
    """T(x)[m, n] = ⟨x[m], x[n]⟩: the Gram matrix of the samples, each flattened.

    Shape (N, N) whatever the shape of x, so that student and teacher may differ in channels and size; a sum, not a
    mean. With ``norm_c`` after it and the distance l2 it gives the similarity-preserving loss, arXiv:1907.09682.

    Example:
        >>> from torch import tensor
        >>> MM()(tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 5., 11.],
                [11., 25.]])
    """

    ranks: ClassVar[dict[int, int]] = {2: 2, 3: 2, 4: 2}

    def compute(self, x: Tensor) -> Tensor:
        rows = x.flatten(1)
        return rows @ rows.mT
