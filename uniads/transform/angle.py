"""The angles of all triangles of samples."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.linalg import vector_norm
from torch.utils.checkpoint import checkpoint

from uniads.transform.base import Transform

EPS = 1e-12
CHUNK = 2**24
"""Differences of samples that are held at once, as scalars."""


class Angle(Transform):
    """T(x)[i, j, k] = ⟨u[i, j], u[i, k]⟩ with u[i, j] = (x[j] − x[i]) / ‖x[j] − x[i]‖₂, each sample flattened.

    The cosine of the angle at sample i between samples j and k: shape (N, N, N) whatever the shape of x. u is 0, with
    gradient 0, where two samples are one. Blind to the scale, shift and rotation of x.

    It holds N³ scalars, at N = 256 67 MB in float32; the N² · C differences beside them are held a part at a time, and
    taken again for the gradient.

    Source: relational knowledge distillation, arXiv:1904.05068, the angle-wise potential.

    Example:
        >>> from torch import tensor
        >>> Angle()(tensor([[0.0], [1.0], [2.0]]))[0]
        tensor([[0., 0., 0.],
                [0., 1., 1.],
                [0., 1., 1.]])
    """

    ranks: ClassVar[dict[int, int]] = {2: 3, 3: 3, 4: 3}

    def compute(self, x: Tensor) -> Tensor:
        rows = x.flatten(1)
        step = max(1, CHUNK // max(1, rows.numel()))
        if step >= len(rows):
            return _angles(rows, rows)
        parts = [checkpoint(_angles, part, rows, use_reentrant=False) for part in torch.split(rows, step)]
        return torch.cat(parts)


def _angles(vertex: Tensor, rows: Tensor) -> Tensor:
    """T at some of the vertices i."""
    difference = rows - vertex[:, None]
    length = vector_norm(difference, dim=2, keepdim=True)
    unit = difference / length.masked_fill(length <= EPS, torch.inf)
    cosine: Tensor = unit @ unit.mT
    return cosine
