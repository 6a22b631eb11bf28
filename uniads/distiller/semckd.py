"""Semantic calibration: each of the student's maps learns from all of the teacher's, by attention."""

from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.distiller.base import Context
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge


@final
class SemCKD(Loss):
    """weight / (N · S) * Σ_n Σ_i Σ_j a[n, i, j] · MSE_n(R_ij(f_i), g_j).

    f_i are the S maps of the student and g_j those of the teacher, the stem's left out; N images; MSE_n is the mean
    over one image's values.

    R_ij: 1x1 to 2C, batch norm, ReLU, 3x3, batch norm, ReLU, 1x1 to the teacher's C channels, without biases; the
    larger map is average-pooled to the smaller one before. a[n, i, ·] = softmax_j ⟨q[n, i], k[n, j]⟩ with queries and
    keys l2norm(MLP(row n of the Gram matrix F Fᵀ of the flattened maps)), one MLP a map, W → 2⌊W/4⌋ → ⌊W/4⌋. Attention
    and keys train, too.

    The width W is the recipe's batch size, since a row has an entry for each image of the batch. A row of a smaller
    batch, such as an epoch's last one, is filled with zeros; of a larger one it is cut. (The authors' code leaves
    incomplete batches out.)

    Source: arXiv:2012.03236, and its code, whose weight is 400, with KD of weight 1.

    Args:
        weight: 0 or more.
        factor: W over the size of queries and keys, above 0.
    """

    knowledge: ClassVar[str] = "feature maps f1, f2, ..."
    needs_batch: ClassVar[bool] = False

    def __init__(self, weight: float = 400.0, factor: int = 4) -> None:
        super().__init__(weight)
        self.factor = factor

    def formula(self) -> str:
        return f"{self.weight:g} * mean_ni Σ_j a[n, i, j] L2(R_ij(features[i]), features[j])"

    def prepare(self, context: Context) -> None:
        """Make a regressor for each pair of maps, and a small network for each map.

        Raises:
            UserError: a network has no map beside the stem's, or the context lacks ``batch_size``.
        """
        own, taught = (known.features[1:] for known in (context.student_knowledge, context.taught))
        if not own or not taught:
            raise UserError(
                f"semckd compares maps after the stem's: the student has {len(own)} and the teacher {len(taught)}; "
                "name more taps, or choose a distiller that compares embeddings or logits"
            )
        self.width = context.require("batch_size", context.batch_size, "SemCKD")
        small = max(1, self.width // self.factor)
        self.query, self.key = (nn.ModuleList(_mlp(self.width, small) for _ in maps) for maps in (own, taught))
        self.regressor = nn.ModuleList(nn.ModuleList(_regressor(f.shape[1], g.shape[1]) for g in taught) for f in own)

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        own, taught = student.features[1:], teacher.features[1:]
        query = torch.stack([self._relate(f, mlp) for f, mlp in zip(own, self.query, strict=True)], 1)
        key = torch.stack([self._relate(g, mlp) for g, mlp in zip(taught, self.key, strict=True)], 1)
        attention = (query @ key.mT).softmax(-1)
        errors = torch.stack([self._errors(i, f, taught) for i, f in enumerate(own)], 1)
        return (attention * errors).sum() / (len(attention) * len(own))

    def _relate(self, x: Tensor, mlp: nn.Module) -> Tensor:
        """A query or a key for each image, of how it goes together with the others."""
        rows = x.flatten(1)
        gram = rows @ rows.mT
        gram = F.pad(gram[:, : self.width], (0, max(0, self.width - len(gram))))
        return F.normalize(mlp(gram))

    def _errors(self, i: int, student: Tensor, maps: tuple[Tensor, ...]) -> Tensor:
        """For each image and each of the teacher's maps the mean squared error of the student's map i."""
        errors = []
        for j, teacher in enumerate(maps):
            height, width = (min(sides) for sides in zip(student.shape[2:], teacher.shape[2:], strict=True))
            own, taught = (F.adaptive_avg_pool2d(x, (height, width)) for x in (student, teacher))
            guess = self.get_submodule(f"regressor.{i}.{j}")(own)
            errors.append((guess - taught).square().flatten(1).mean(1))
        return torch.stack(errors, 1)


def _mlp(wide: int, narrow: int) -> nn.Module:
    return nn.Sequential(nn.Linear(wide, 2 * narrow), nn.ReLU(), nn.Linear(2 * narrow, narrow))


def _regressor(student: int, teacher: int) -> nn.Module:
    middle = 2 * teacher
    return nn.Sequential(
        nn.Conv2d(student, middle, 1, bias=False),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, middle, 3, padding=1, bias=False),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, teacher, 1, bias=False),
    )
