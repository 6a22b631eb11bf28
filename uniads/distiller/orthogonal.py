"""An adapter that keeps lengths: the student's embedding through an orthogonal map."""

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import orthogonal

from uniads.error import UserError


@final
class Orthogonal(nn.Module):
    """(e_s, e_t) becomes (P e_s, LN(e_t)): P has orthonormal columns or rows, LN is layer norm without scale and shift.

    P can turn the student's embedding but not stretch it, so what is learned has to be in the student. torch's own
    parametrisation keeps it orthogonal in every step.

    Source: VkD, arXiv:2403.06213, with the layer norm that it has for distillation between classifiers.

    Args:
        student: shape (N, D) of the student's embedding; the batch size does not matter.
        teacher: shape of the teacher's.
        norm: whether there is a layer norm.

    Raises:
        UserError: these are no two vectors.
    """

    def __init__(self, student: Sequence[int], teacher: Sequence[int], norm: bool = True) -> None:
        super().__init__()
        if not len(student) == len(teacher) == 2:
            raise UserError(f"an orthogonal map takes two vectors, got shapes {tuple(student)} and {tuple(teacher)}")
        self.map = orthogonal(nn.Linear(student[1], teacher[1], bias=False))
        self.norm = norm

    def forward(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Student's and teacher's embedding in one space."""
        return self.map(student), F.layer_norm(teacher, teacher.shape[1:]) if self.norm else teacher
