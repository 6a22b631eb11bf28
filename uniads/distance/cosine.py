"""The angle between the vectors of student and teacher."""

from torch import Tensor
from torch.linalg import vector_norm

from uniads.distance.base import Distance

EPS = 1e-8


def cosine(a: Tensor, b: Tensor, axis: int) -> Tensor:
    """The cosine ⟨a, b⟩ / (‖a‖ ‖b‖ + 1e-8) along one axis; 0 for a zero vector.

    The 1e-8 is added to the product, as in DIST; it matters for vectors shorter than about 1e-3 only.
    """
    norms: Tensor = vector_norm(a, dim=axis) * vector_norm(b, dim=axis)
    # By Cauchy and Schwarz |cos| ≤ 1; rounding, and squares that underflow, may break it.
    return ((a * b).sum(axis) / (norms + EPS)).clamp(-1, 1)


class Cosine(Distance):
    """D(s, t) = 1 − cos(s[n], t[n]), each sample flattened to a vector, mean over the batch. In [0, 2].

    A distance: smaller is closer. (The similarity itself, used as a loss, would push the student away.)

    Example:
        >>> from torch import tensor
        >>> Cosine()(tensor([[1.0, 0.0]]), tensor([[3.0, 4.0]])).round(decimals=3)
        tensor(0.4000)
    """

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return (1 - cosine(student.flatten(1), teacher.flatten(1), axis=1)).mean()
