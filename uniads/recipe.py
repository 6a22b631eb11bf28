"""How a network is trained: optimizer, batch size, learning rate and its schedule."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.lr_scheduler import MultiStepLR

from uniads.error import UserError

FUSED = (torch.float32, torch.float64)
"""Dtypes of weights whose fused step was compared with the plain one."""


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum; the learning rate falls by ``gamma`` after each milestone.

    Attributes:
        epochs: length that the milestones are meant for, above 0.
        batch_size: images a step, above 0.
        lr: learning rate, above 0.
        momentum: 0 to below 1.
        nesterov: whether the momentum looks ahead.
        weight_decay: of every parameter, 0 or more.
        milestones: epochs, rising, after which the learning rate falls.
        gamma: the factor by which it falls.
    """

    epochs: int
    batch_size: int
    lr: float
    momentum: float
    nesterov: bool
    weight_decay: float
    milestones: Sequence[int]
    gamma: float

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "lr", "gamma"):
            if not getattr(self, name) > 0:
                raise UserError(f"recipe.{name} must be above 0, got {getattr(self, name)}")
        if not 0 <= self.momentum < 1:
            raise UserError(f"recipe.momentum must be 0 or more and below 1, got {self.momentum}")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise UserError(f"recipe.milestones must rise, got {list(self.milestones)}")

    def squeeze_milestones(self, epochs: int) -> list[int]:
        """The milestones for a training of another length: the same shape of schedule.

        Raises:
            UserError: epochs is not above 0.
        """
        if not epochs > 0:
            raise UserError(f"epochs must be above 0, got {epochs}")
        return [round(milestone * epochs / self.epochs) for milestone in self.milestones]

    def optimizer(self, parameters: Iterable[nn.Parameter], fused: bool = True) -> torch.optim.SGD:
        """The optimizer of these parameters, which are on their device already.

        Fused, a step is one pass over memory, on CPUs and GPUs alike; it may round the last bit in another way. That is
        for float32 and float64 alone: in half precision torch 2.12's fused step leaves most weights of a CPU as they
        are (pytorch/pytorch#191763).

        Args:
            parameters: to train.
            fused: whether the step may be fused.
        """
        mine = list(parameters)
        fusable = fused and all(each.device.type in ("cpu", "cuda") and each.dtype in FUSED for each in mine)
        return torch.optim.SGD(
            mine,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            fused=fusable,
        )

    def scheduler(self, optimizer: torch.optim.Optimizer, epochs: int) -> MultiStepLR:
        """The schedule of a training of ``epochs`` epochs, stepped once an epoch."""
        return MultiStepLR(optimizer, self.squeeze_milestones(epochs), self.gamma)
