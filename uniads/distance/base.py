"""What every distance shares: equal shapes, float32 or better, no overflow."""

from abc import ABC, abstractmethod
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from uniads.error import UserError

LIMIT = 1e14
"""Inputs saturate here, so that the squared differences of any finite float32 input, and sums of 8e9 of them, stay
finite."""


class Distance(nn.Module, ABC):
    """A non-negative scalar D(student, teacher), smallest where student equals teacher.

    Half-precision inputs are raised to float32; float64 stays float64. Finite inputs give a finite value and a finite
    gradient.

    Attributes:
        separable: whether D of a batch is the mean of D of each image alone, so that images can be weighted.
    """

    separable: ClassVar[bool] = True

    @final  # type: ignore[misc]  # torch declares forward as a variable
    def forward(self, student: Float[Tensor, "n *view"], teacher: Float[Tensor, "m *other"]) -> Float[Tensor, ""]:
        """D(student, teacher).

        Raises:
            UserError: the shapes differ, or there is no axis beside the batch.
        """
        if student.shape != teacher.shape or student.ndim < 2:
            raise UserError(
                f"{type(self).__name__} compares equal shapes of rank 2 or more, got student "
                f"{tuple(student.shape)} and teacher {tuple(teacher.shape)}; align them first"
            )
        return self.compute(self._full(student), self._full(teacher))

    @final
    def each(self, student: Float[Tensor, "n *view"], teacher: Float[Tensor, "n *view"]) -> Float[Tensor, " n"]:
        """D of each image alone; their mean is D of the batch.

        Raises:
            UserError: D compares images with each other.
        """
        if not self.separable:
            raise UserError(f"{type(self).__name__} compares the images of a batch, so they can't be weighted")

        def alone(s: Tensor, t: Tensor) -> Tensor:
            return self.compute(s[None], t[None])

        values: Tensor = torch.func.vmap(alone)(self._full(student), self._full(teacher))
        return values

    @abstractmethod
    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        """D for two tensors of one shape, in float32 or float64, with absolute values of at most ``LIMIT``."""

    def on(self, simplex: tuple[int, ...] | None) -> "Distance":
        """This distance for inputs that are distributions over the axes ``simplex`` (None: raw values)."""
        del simplex
        return self

    @staticmethod
    def _full(x: Tensor) -> Tensor:
        wide = x if x.dtype == torch.float64 else x.float()
        return wide.clamp(-LIMIT, LIMIT)
