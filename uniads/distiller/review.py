"""Knowledge review: the student's maps are fused from the deepest upwards, and each guesses a teacher's map."""

from collections.abc import Sequence
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.distiller.base import Context
from uniads.distiller.course import Course
from uniads.distiller.norm import Norm
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge

SIDES = (4, 2, 1)
"""Sides of the pooled maps, beside the full one."""


@final
class Review(Loss):
    """weight · w · Σ_i HCL(conv3(u_i), g_i) over the levels i = 0, 1, ..., from the deepest upwards.

    Level 0 are the two embeddings as maps of one pixel, f_0 and g_0; then come the last maps, those before them, and so
    on, the stem's left out. Where one network has more maps, its shallowest have no partner and are not used.

    u_0 = conv1(f_0), and u_i = a[0] · x + a[1] · y with x = conv1(f_i), y = u_{i−1} at the size of x, and per pixel
    a = sigmoid(conv([x, y])), two channels. Then u_i is brought to the size of g_i. conv1: 1x1 to min(``middle``, the
    size of the student's embedding) channels, and batch norm; conv3: 3x3 to the channels of g_i, and batch norm; both
    without bias. Sizes change by the nearest neighbour.

    HCL(v, g) = Σ_k 2^−k MSE_k / Σ_k 2^−k: MSE_0 at full size, and MSE_1, MSE_2, ... of both maps average-pooled to
    the sides 4, 2, 1, as far as these are below the map's. Each MSE is a mean over all elements.

    w rises over 20 of 240 epochs in the code for CIFAR-100, see ``Course``, and is 1 throughout in that for ImageNet.
    The first epoch has 1/20 here and in mdistiller, and 0 in the authors' code. That code takes the teacher's maps
    before their last ReLU for CIFAR-100, and those of WRN after the batch norm that follows. Here they are the taps: of
    ResNet and VGG after that ReLU, of WRN before that batch norm, where the authors' weight is one for another scale.
    A map of one pixel in a batch of one has no variance, and is normalised with running statistics.

    Source: Chen et al., arXiv:2104.09044, and its code, from which initial weights, weights and ramp are.

    Args:
        weight: 0 or more.
        ramp: share of the epochs, 0 to 1.
        middle: the most channels of the fused maps, above 0.

    Raises:
        UserError: a value is out of its range.
    """

    knowledge: ClassVar[str] = "feature maps f1, f2, ..., embedding"
    parts: ClassVar[tuple[str, ...]] = ("feature", "embedding")
    needs_batch: ClassVar[bool] = False

    def __init__(self, weight: float = 1.0, ramp: float = 20 / 240, middle: int = 512) -> None:
        super().__init__(weight, Course(ramp, name="distiller.review.{}"))
        if middle < 1:
            raise UserError(f"distiller.review.middle must be above 0, got {middle}")
        self.middle = middle

    def formula(self) -> str:
        fused = "fused(features[i], features[i + 1], ..., embedding)"
        return f"{self.weight:g}{self.course.describe()} * Σ_i HCL({fused}, features[i])"

    def prepare(self, context: Context) -> None:
        """Make a fusion for each level.

        Raises:
            UserError: a network has no map beside the stem's.
        """
        student, teacher = context.student_knowledge, context.taught
        self.levels = min(len(student.features), len(teacher.features))
        if self.levels < 2:
            raise UserError(
                f"review fuses maps after the stem's: the student has {len(student.features) - 1} and the teacher "
                f"{len(teacher.features) - 1}; name more taps, or choose a distiller that compares embeddings or logits"
            )
        middle = min(self.middle, student.embedding.shape[1])
        channels = [
            (own.shape[1], goal.shape[1]) for own, goal in zip(self._views(student), self._views(teacher), strict=True)
        ]
        self.fusions = nn.ModuleList(
            Fusion(own, middle, goal, deepest=level == 0) for level, (own, goal) in enumerate(channels)
        )

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        fused, losses = None, []
        for fusion, own, goal in zip(self.fusions, self._views(student), self._views(teacher), strict=True):
            fused, guess = fusion(own, fused, goal.shape[2:])
            losses.append(compare_context(guess, goal))
        return torch.stack(losses).sum()

    def _views(self, knowledge: Knowledge) -> list[Tensor]:
        """The maps that are compared, the deepest first."""
        maps = knowledge.features[1 - self.levels :]
        return [knowledge.embedding[:, :, None, None], *reversed(maps)]


@final
class Fusion(nn.Module):
    """One level's u_i and conv3(u_i); see ``Review``.

    Args:
        own: channels of the student's map.
        middle: channels of u_i.
        goal: channels of the teacher's map.
        deepest: whether there is no deeper level to fuse with.
    """

    def __init__(self, own: int, middle: int, goal: int, deepest: bool) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(own, middle, 1, bias=False), Norm(middle))
        self.attend = None if deepest else nn.Conv2d(2 * middle, 2, 1)
        self.leave = nn.Sequential(nn.Conv2d(middle, goal, 3, padding=1, bias=False), Norm(goal))
        for part in (self.enter, self.leave):
            nn.init.kaiming_uniform_(part.get_parameter("0.weight"), a=1)

    def forward(self, own: Tensor, deeper: Tensor | None, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The fusion at the teacher's size, and the guess at the teacher's map."""
        fused = self.enter(own)
        if self.attend is not None:
            assert deeper is not None
            deeper = _resize(deeper, own.shape[2:])
            attention = self.attend(torch.cat([fused, deeper], 1)).sigmoid()
            fused = attention[:, :1] * fused + attention[:, 1:] * deeper
        fused = _resize(fused, size)
        return fused, self.leave(fused)


def compare_context(guess: Tensor, goal: Tensor) -> Tensor:
    """HCL, the hierarchical context loss of two maps of one shape; see ``Review``."""
    sides = [side for side in SIDES if side < min(goal.shape[2:])]
    pairs = [(guess, goal), *((F.adaptive_avg_pool2d(guess, s), F.adaptive_avg_pool2d(goal, s)) for s in sides)]
    weights = [0.5**k for k in range(len(pairs))]
    errors = [weight * F.mse_loss(*pair) for weight, pair in zip(weights, pairs, strict=True)]
    return torch.stack(errors).sum() / sum(weights)


def _resize(x: Tensor, size: Sequence[int]) -> Tensor:
    return x if x.shape[2:] == tuple(size) else F.interpolate(x, tuple(size), mode="nearest")
