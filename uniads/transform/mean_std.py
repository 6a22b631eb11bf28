"""Mean and deviation of each channel: a map as a normal distribution."""

from math import sqrt
from typing import ClassVar

import torch
from torch import Tensor

from uniads.error import UserError
from uniads.transform.base import Transform


class MeanStd(Transform):
    """T(x)[n] = √(2C) · [√r · μ, σ], with mean μ and deviation σ of each of C channels in each cell. (N, 2C · cells).

    σ = √(s² + ε) with the unbiased variance s², 0 for one position. With the distance l2 it is r · ‖μ_s − μ_t‖² +
    ‖σ_s − σ_t‖², summed over channels and averaged over the batch: for r = 1 the squared Wasserstein distance of two
    normal distributions with diagonal covariance.

    A map (N, C, H, W) has grid² cells, which cover it and whose sides differ by one position at most; cells overlap
    where they don't come out even, as in adaptive pooling. The value is then the mean over the cells. All else is one
    cell.

    Source: WKD-F, arXiv:2412.08139, and its code, which has r of 2 to 4 and a grid of 1 or 4.

    Args:
        ratio: r, how much means count beside deviations; above 0.
        eps: ε, above 0.
        grid: cells on a side of a map, at least 1.

    Raises:
        UserError: one of them is out of its range.

    Example:
        >>> from torch import tensor
        >>> MeanStd(ratio=1.0)(tensor([[[1.0, 3.0]]])).round(decimals=3)
        tensor([[2.8280, 2.0000]])
    """

    ranks: ClassVar[dict[int, int]] = {2: 2, 3: 2, 4: 2}

    def __init__(self, ratio: float = 4.0, eps: float = 1e-5, grid: int = 1) -> None:
        super().__init__()
        if not (ratio > 0 and eps > 0):
            raise UserError(f"mean_std needs ratio and eps above 0, got {ratio} and {eps}")
        if grid < 1:
            raise UserError(f"grid of mean_std must be 1 or more, got {grid}; grid=1 looks at the whole map")
        self.ratio, self.eps, self.grid = ratio, eps, grid

    def compute(self, x: Tensor) -> Tensor:
        cells = [self._describe(cell.flatten(2)) for cell in self._divide(x)]
        return sqrt(2 * x.shape[1]) * torch.cat(cells, 1)

    def _describe(self, flat: Tensor) -> Tensor:
        variance, mean = torch.var_mean(flat, 2, correction=min(1, flat.shape[2] - 1))
        return torch.cat([sqrt(self.ratio) * mean, (variance + self.eps).sqrt()], 1)

    def _divide(self, x: Tensor) -> list[Tensor]:
        if x.ndim < 4 or self.grid == 1:
            return [x.unsqueeze(-1)]
        rows, columns = (_bounds(size, self.grid) for size in x.shape[2:])
        return [x[:, :, top:bottom, left:right] for top, bottom in rows for left, right in columns]


def _bounds(size: int, cells: int) -> list[tuple[int, int]]:
    """Where each of so many cells of a side begins and ends, as in adaptive pooling."""
    return [(cell * size // cells, -(-(cell + 1) * size // cells)) for cell in range(cells)]
