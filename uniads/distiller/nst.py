"""Neuron selectivity transfer."""

from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from uniads.distiller.align import Align
from uniads.distiller.base import Context
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge


@final
class NST(Loss):
    """weight * Σ_i MMD²(f_i), over the taps i = 1, 2, ...: channels as samples of a distribution over positions.

    MMD²(s, t) = mean k(t, t') + mean k(s, s') − 2 mean k(s, t), over all pairs of channels and over the batch, with the
    kernel k(a, b) = ⟨a/‖a‖, b/‖b‖⟩² of two channels' maps, flattened. The larger map is average-pooled to the smaller
    one first. Student and teacher may differ in channels; there is no adapter.

    Source: arXiv:1707.01219, Eq. 5, with the polynomial kernel of degree 2 and no constant, the weight and the taps of
    public code (arXiv:1910.10699).

    Args:
        weight: 0 or more.
    """

    knowledge: ClassVar[str] = "feature maps f1, f2, ..."
    parts: ClassVar[tuple[str, ...]] = ("feature",)
    needs_batch: ClassVar[bool] = False

    def __init__(self, weight: float = 50.0) -> None:
        super().__init__(weight)

    def formula(self) -> str:
        return f"{self.weight:g} * Σ_i MMD²(NormHW(features[i]))"

    def prepare(self, context: Context) -> None:
        """Check that there is a map.

        Raises:
            UserError: a network has no tap beside the stem's.
        """
        own, taught = context.student_knowledge.features, context.taught.features
        if min(len(own), len(taught)) < 2:
            raise UserError(
                f"there is no feature map beside the stem's: the student has {len(own)} and the teacher {len(taught)}; "
                "name more taps, or choose a distiller that compares embeddings or logits"
            )

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        pairs = zip(student.features[1:], teacher.features[1:], strict=False)
        return torch.stack([_discrepancy(*Align(s.shape, t.shape, channels=False)(s, t)) for s, t in pairs]).sum()


def _discrepancy(student: Tensor, teacher: Tensor) -> Tensor:
    """MMD² of two maps with the same positions."""
    s, t = F.normalize(student.flatten(2), dim=2), F.normalize(teacher.flatten(2), dim=2)

    def mean_kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.mT).square().mean()

    return mean_kernel(t, t) + mean_kernel(s, s) - 2 * mean_kernel(s, t)
