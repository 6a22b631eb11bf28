"""What every transform shares: which shapes it takes, and how random ones draw."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from uniads.error import UserError


class Transform(nn.Module, ABC):
    """A map T from knowledge to the view in which student and teacher are compared.

    A transform holds no trained state. It must be differentiable almost everywhere and finite on finite input of
    ordinary size, and work on a batch of one.

    Attributes:
        ranks: the ranks of the tensors that it takes, each with the rank that it returns
            (4: a map (N, C, H, W); 3: (N, C, L); 2: a vector (N, C)).
        simplex: the axes over which each output is a probability distribution, or None.
        keeps_classes: whether entry c of axis 1 belongs to class c after it where it did before.
    """

    ranks: ClassVar[dict[int, int]] = {2: 2, 3: 3, 4: 4}
    simplex: ClassVar[tuple[int, ...] | None] = None
    keeps_classes: ClassVar[bool] = False

    def keeps(self, rank: int) -> bool:
        """Whether it leaves every tensor of this rank as it is, as the identity does."""
        del rank
        return False

    @final  # type: ignore[misc]  # torch declares forward as a variable
    def forward(
        self, x: Float[Tensor, "n *rest"], label: Int[Tensor, " _"] | None = None, tau: float = 1.0
    ) -> Float[Tensor, "m *view"]:
        """T(x).

        Args:
            x: knowledge, or the view of the transform before this one.
            label: the class of each image; a ``LabelTransform`` alone looks at it.
            tau: the temperature by which the view will be divided; likewise.

        Raises:
            UserError: the rank of x is none of ``ranks``, or a label is needed and there is none.
        """
        if x.ndim not in self.ranks:
            allowed = " or ".join(str(rank) for rank in sorted(self.ranks))
            raise UserError(
                f"{type(self).__name__} takes tensors of rank {allowed}, got shape {tuple(x.shape)}; "
                "choose another transform for this knowledge"
            )
        return self.see(x, label, tau)

    def see(self, x: Tensor, label: Tensor | None, tau: float) -> Tensor:
        """T(x) of those that look at neither label nor temperature."""
        del label, tau
        return self.compute(x)

    @abstractmethod
    def compute(self, x: Tensor) -> Tensor:
        """T(x) for an x whose rank is one of ``ranks``."""


class LabelTransform(Transform, ABC):
    """A transform that sees the class of each image. Axis 1 of what it is given must be that of the classes."""

    @final
    def compute(self, x: Tensor) -> Tensor:
        raise UserError(f"{type(self).__name__} looks at the class of each image, which is not given; give label=...")

    @final
    def see(self, x: Tensor, label: Tensor | None, tau: float) -> Tensor:
        if label is None:
            return self.compute(x)
        if label.shape != x.shape[:1] or x.shape[1] < 2:
            raise UserError(
                f"{type(self).__name__} takes one class for each image and scores of two classes or more, got labels "
                f"of shape {tuple(label.shape)} and scores of shape {tuple(x.shape)}"
            )
        return self.compare(x, label, tau)

    @abstractmethod
    def compare(self, x: Tensor, label: Tensor, tau: float) -> Tensor:
        """T(x) of scores with two classes or more, one label an image, and the temperature of what follows."""


class RandomTransform(Transform, ABC):
    """A transform that draws. Between two calls of ``redraw`` it draws the same for the same shape and device.

    So student and teacher see one draw, and a training that goes on from a checkpoint draws what it would have drawn.

    Args:
        seed: owner of the draws, at least 0; two transforms with one seed draw alike.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self.draw = 0

    def redraw(self) -> None:
        """Move to the next draw."""
        self.draw += 1

    def generator(self, device: torch.device) -> torch.Generator:
        """A generator that depends on the seed and the current draw only."""
        # Hashed into 32 bits, because that is all of a seed that the CPU generator uses.
        mixed = np.random.SeedSequence((self.seed, self.draw)).generate_state(1)
        return torch.Generator(device).manual_seed(int(mixed[0]))

    def get_extra_state(self) -> dict[str, int]:
        return {"draw": self.draw}

    def set_extra_state(self, state: Any) -> None:
        self.draw = int(state["draw"])
