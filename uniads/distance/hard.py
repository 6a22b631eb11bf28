"""Cross-entropy with the class that the teacher would choose."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from uniads.distance.base import Distance
from uniads.distance.kl import FLOOR


class Hard(Distance):
    """D(s, t) = −log p_s[argmax_c t], with argmax and p over axis 1, mean over batch and positions.

    Raw values are logits: p_s = softmax(s). With ``simplex`` (1,) they are probabilities: p_s = s / Σ_c s. It is 0
    only where the student is certain, and among students with the same values in another order it is smallest for
    one that ranks the teacher's class first. No gradient reaches the teacher.

    Source: distillation by pseudo-labels; the hard term of DeiT, arXiv:2012.12877, Eq. 3.

    Args:
        simplex: (1,) if the inputs are probabilities over the classes; anything else means logits.

    Example:
        >>> from torch import tensor
        >>> Hard()(tensor([[0.0, 1.0]]), tensor([[0.0, 9.0]])).round(decimals=3)
        tensor(0.3130)
    """

    def __init__(self, simplex: Sequence[int] | None = None) -> None:
        super().__init__()
        self.simplex = None if simplex is None else tuple(simplex)

    def on(self, simplex: tuple[int, ...] | None) -> "Hard":
        """This distance for distributions over the axes ``simplex``; None leaves it as it is."""
        return self if simplex is None else Hard(simplex)

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        # cross_entropy takes logits, and the logarithm of a distribution is a set of logits.
        logits = student.clamp(min=FLOOR).log() if self.simplex == (1,) else student
        return F.cross_entropy(logits, teacher.argmax(1))
