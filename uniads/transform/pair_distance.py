"""How far the samples of a batch are from each other."""

from typing import ClassVar

import torch
from torch import Tensor

from uniads.transform.base import Transform

EPS = 1e-12
"""Squared distances below it count as this much, without gradient."""


class PairDistance(Transform):
    """T(x)[m, n] = ‖x[m] − x[n]‖₂ / μ, each sample flattened, μ the mean over all m ≠ n. The diagonal is 0.

    Shape (N, N) whatever the shape of x; for a batch of one it is 0. Blind to the scale, shift and rotation of x.

    Source: relational knowledge distillation, arXiv:1904.05068, the distance-wise potential.

    Example:
        >>> from torch import tensor
        >>> PairDistance()(tensor([[0.0], [1.0], [3.0]])).round(decimals=3)
        tensor([[0.0000, 0.5000, 1.5000],
                [0.5000, 0.0000, 1.0000],
                [1.5000, 1.0000, 0.0000]])
    """

    ranks: ClassVar[dict[int, int]] = {2: 2, 3: 2, 4: 2}

    def compute(self, x: Tensor) -> Tensor:
        rows = x.flatten(1)
        rows = rows - rows.mean(0)  # changes no distance, and loses fewer digits below
        square = rows.square().sum(1)
        squared = square[:, None] + square - 2 * rows @ rows.mT
        itself = torch.eye(len(rows), dtype=torch.bool, device=x.device)
        distance = squared.clamp(min=EPS).sqrt().masked_fill(itself, 0)
        pairs = max(1, len(rows) * (len(rows) - 1))
        return distance / (distance.sum() / pairs).clamp(min=EPS**0.5)
