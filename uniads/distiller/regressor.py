"""FitNet's regressor: a convolution that brings the student's map to the teacher's."""

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from uniads.error import UserError


@final
class Regressor(nn.Module):
    """R(f_s) = ReLU(BatchNorm(Conv(f_s))), the convolution with a bias; used for equal shapes, too.

    Without ``norm``, as in the paper: R(f_s) = ReLU(Conv(f_s)).

    Of the map heights s and t: s = 2t: 3x3 with stride 2; 2s = t: transposed 4x4 with stride 2; s ≥ t: a kernel of
    1 + s − t. Otherwise RepDistiller stops; here the teacher's map is average-pooled to the student's, and the
    convolution is 1x1.

    Source: ``ConvReg`` of RepDistiller, arXiv:1910.10699, after the regressor of FitNet, arXiv:1412.6550, Eq. 3, which
    has no batch norm.

    Args:
        student: shape (N, C, H, W) of the student's map; the batch size does not matter.
        teacher: shape of the teacher's.
        norm: whether there is a batch norm.

    Raises:
        UserError: these are no two maps.
    """

    def __init__(self, student: Sequence[int], teacher: Sequence[int], norm: bool = True) -> None:
        super().__init__()
        if not len(student) == len(teacher) == 4:
            raise UserError(f"a regressor takes two maps, got shapes {tuple(student)} and {tuple(teacher)}")
        own, goal = tuple(student[2:]), tuple(teacher[2:])
        self.size = tuple(min(pair) for pair in zip(own, goal, strict=True))
        channels = (student[1], teacher[1])
        if all(s == 2 * t for s, t in zip(own, goal, strict=True)):
            self.convolution: nn.Module = nn.Conv2d(*channels, kernel_size=3, stride=2, padding=1)
        elif all(2 * s == t for s, t in zip(own, goal, strict=True)):
            self.convolution = nn.ConvTranspose2d(*channels, kernel_size=4, stride=2, padding=1)
            self.size = goal
        else:
            kernel = (1 + own[0] - self.size[0], 1 + own[1] - self.size[1])
            self.convolution = nn.Conv2d(*channels, kernel_size=kernel)
        self.norm = nn.BatchNorm2d(teacher[1]) if norm else nn.Identity()

    def forward(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Student's and teacher's map in one shape."""
        height, width = self.size
        if teacher.shape[2:] != self.size:
            teacher = F.adaptive_avg_pool2d(teacher, (height, width))
        guess: Tensor = self.norm(self.convolution(student))
        return guess.relu(), teacher
