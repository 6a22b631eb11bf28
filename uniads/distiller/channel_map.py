"""A convolution that brings the channels of the student's map to the teacher's, and no more."""

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from uniads.distiller.norm import Norm
from uniads.error import UserError


@final
class ChannelMap(nn.Module):
    """BatchNorm(Conv(f_s)), with a 1x1 convolution without bias; used for equal channels, too.

    Heights and widths stay as they are on both sides, for views that do not show them, such as Gram matrices of the
    channels. No activation follows.

    Source: ``Embed`` of the code of inter-channel correlation, arXiv:2202.03680.

    Args:
        student: shape (N, C, H, W) of the student's map; only C matters.
        teacher: shape of the teacher's.

    Raises:
        UserError: these are no two maps.
    """

    def __init__(self, student: Sequence[int], teacher: Sequence[int]) -> None:
        super().__init__()
        if not len(student) == len(teacher) == 4:
            raise UserError(f"a channel map takes two maps, got shapes {tuple(student)} and {tuple(teacher)}")
        self.convolution = nn.Conv2d(student[1], teacher[1], kernel_size=1, bias=False)
        self.norm = Norm(teacher[1])

    def forward(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """The student's map with the teacher's channels, and the teacher's as it is."""
        return self.norm(self.convolution(student)), teacher
