"""Adapters that bring student and teacher to one shape."""

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from uniads.error import UserError


@final
class Align(nn.Module):
    """Bring knowledge of a student to the shape of its teacher's.

    Channels: a trained 1x1 convolution for maps (N, C, H, W), a trained linear map for vectors (N, C), on the
    student's side, only where C differs. Positions: the larger map is average-pooled to the smaller one, whichever
    side it is on.

    Args:
        student: shape of the student's knowledge; the batch size does not matter.
        teacher: shape of the teacher's.
        channels: False leaves the channels as they are, and trains nothing.

    Raises:
        UserError: the ranks differ or are neither 2 nor 4.
    """

    def __init__(self, student: Sequence[int], teacher: Sequence[int], channels: bool = True) -> None:
        super().__init__()
        if len(student) != len(teacher) or len(student) not in (2, 4):
            raise UserError(
                f"only two maps or two vectors can be aligned, got shapes {tuple(student)} and {tuple(teacher)}"
            )
        into, out = student[1], teacher[1]
        self.size = tuple(min(pair) for pair in zip(student[2:], teacher[2:], strict=True))
        self.channels: nn.Module = nn.Identity()
        if channels and into != out:
            self.channels = nn.Linear(into, out) if len(student) == 2 else nn.Conv2d(into, out, kernel_size=1)

    def forward(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Student's and teacher's knowledge in one shape."""
        return self.channels(self._pool(student)), self._pool(teacher)

    def _pool(self, x: Tensor) -> Tensor:
        if x.shape[2:] == self.size:
            return x
        height, width = self.size
        return F.adaptive_avg_pool2d(x, (height, width))
