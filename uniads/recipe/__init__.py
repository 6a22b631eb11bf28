"""How a network is trained: optimizer, batch size, learning rate and its schedule, and what is done to the images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from uniads.error import UserError
from uniads.recipe.dot import DOT
from uniads.recipe.operations import check_operations
from uniads.recipe.schedule import follow_milestones, follow_steps

FUSED = (torch.float32, torch.float64)
"""Dtypes of weights whose fused step was compared with the plain one."""

CHOICES = {"schedule": ("multistep", "cosine"), "optimizer": ("sgd", "adamw", "dot")}


@dataclass(frozen=True)
class Recipe:
    """An optimizer, a schedule of its learning rate, and what is done to labels, images and the trained student.

    Attributes:
        epochs: length that the milestones and the warm-up are meant for, above 0.
        batch_size: images a step, above 0.
        lr: learning rate, above 0.
        momentum: 0 to below 1; of ``adamw`` the first of its two decay rates, β1.
        nesterov: whether the momentum of ``sgd`` looks ahead.
        weight_decay: of every parameter, 0 or more; ``adamw`` does not mix it into its moments.
        milestones: of the schedule ``multistep``: epochs, rising, after which the learning rate falls.
        gamma: the factor by which it falls.
        schedule: ``multistep``, or ``cosine``: down to 0 along half a cosine.
        warmup: a whole number of epochs from 0, below ``epochs``, or a share of the epochs from 0.0 to below 1.0, in
            which the learning rate rises from step to step. See ``follow_steps`` of ``uniads.recipe.schedule``.
        optimizer: ``sgd``, ``adamw``, or ``dot``, which tells the task's gradient from the distillation's; see ``DOT``
            of ``uniads.recipe.dot``.
        beta2: of ``adamw``, 0 to below 1.
        delta: of ``dot``, 0 to below 1: how far the momentum is below ``momentum`` for the task, and above it for the
            distillation; neither may leave 0 to below 1.
        label_smoothing: ε, 0 to below 1: of the task loss a share ε is the cross-entropy with all classes alike. The
            distillation terms and the validation loss know nothing of it.
        ema: the share of itself that the student's running average keeps in each step, above 0, below 1; None for no
            average. The average is validated and kept in place of the student. See ``Average`` of
            ``uniads.learner.average``.
        mixup: α of mixup, 0 or more; 0 for none. See ``Mix`` of ``uniads.data.mix``.
        cutmix: α of CutMix, 0 or more; 0 for none.
        randaugment: how many operations RandAugment does on each training image, 1 or more, and their magnitude, 0 to
            30; None for none.

    Raises:
        UserError: a value is out of its range.
    """

    epochs: int
    batch_size: int
    lr: float
    momentum: float
    nesterov: bool
    weight_decay: float
    milestones: Sequence[int]
    gamma: float
    schedule: str = "multistep"
    warmup: int | float = 0
    optimizer: str = "sgd"
    beta2: float = 0.999
    delta: float = 0.075
    label_smoothing: float = 0.0
    ema: float | None = None
    mixup: float = 0.0
    cutmix: float = 0.0
    randaugment: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "lr", "gamma"):
            if not getattr(self, name) > 0:
                raise UserError(f"recipe.{name} must be above 0, got {getattr(self, name)}")
        for name in ("momentum", "beta2", "delta", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"recipe.{name} must be 0 or more and below 1, got {getattr(self, name)}")
        for name in ("mixup", "cutmix"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"recipe.{name} must be 0 or more, got {getattr(self, name)}")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise UserError(f"recipe.{name} must be {' or '.join(allowed)}, got {getattr(self, name)!r}")
        self._check_lists()
        self._check_averages()

    def _check_lists(self) -> None:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise UserError(f"recipe.milestones must rise, got {list(self.milestones)}")
        check_operations("recipe.randaugment", self.randaugment)

    def _check_averages(self) -> None:
        if self.ema is not None and not 0 < self.ema < 1:
            raise UserError(f"recipe.ema must be above 0 and below 1, or null for no average, got {self.ema}")
        if not 0 <= self.warmup < (self.epochs if isinstance(self.warmup, int) else 1):
            raise UserError(
                f"recipe.warmup must be a whole number of epochs from 0, below recipe.epochs={self.epochs}, or a share "
                f"of the epochs from 0.0 to below 1.0, got {self.warmup}"
            )
        if self.optimizer == "dot" and not (self.delta <= self.momentum and self.momentum + self.delta < 1):
            raise UserError(
                f"recipe.delta={self.delta:g} puts a momentum of recipe.optimizer=dot out of the range from 0 to below "
                f"1: they are recipe.momentum={self.momentum:g} less and more delta; lower it"
            )
        if self.nesterov and self.optimizer != "sgd":
            raise UserError(f"recipe.nesterov must be false with recipe.optimizer={self.optimizer}; only sgd has it")

    @property
    def mixes(self) -> bool:
        """Whether the images of a batch are mixed with each other."""
        return self.mixup > 0 or self.cutmix > 0

    @property
    def stepwise(self) -> bool:
        """Whether the learning rate changes after every step, and not after every epoch."""
        return self.schedule == "cosine" or self.warmup > 0

    def squeeze_milestones(self, epochs: int) -> list[int]:
        """The milestones for a training of another length: the same shape of schedule.

        Raises:
            UserError: epochs is not above 0.
        """
        if not epochs > 0:
            raise UserError(f"epochs must be above 0, got {epochs}")
        return [round(milestone * epochs / self.epochs) for milestone in self.milestones]

    def squeeze_ema(self, epochs: int) -> float | None:
        """``ema`` for a training of another length, so that the average reaches back over the same share of it."""
        return None if self.ema is None else self.ema ** (self.epochs / epochs)

    def build_optimizer(self, parameters: Iterable[nn.Parameter], fused: bool = True) -> Optimizer:
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
        if self.optimizer == "adamw":
            betas = (self.momentum, self.beta2)
            return AdamW(mine, lr=self.lr, betas=betas, weight_decay=self.weight_decay, fused=fusable)
        if self.optimizer == "dot":
            return DOT(mine, self.lr, self.momentum, self.delta, self.weight_decay, fusable)
        return SGD(
            mine,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            fused=fusable,
        )

    def build_scheduler(self, optimizer: Optimizer, epochs: int, steps: int = 1) -> LRScheduler:
        """The schedule of a training, stepped once an epoch; a ``stepwise`` one after every step of the optimizer.

        Args:
            optimizer: whose learning rate follows it.
            epochs: length of the training, above 0.
            steps: of an epoch, above 0.
        """
        milestones = self.squeeze_milestones(epochs)
        if not self.stepwise:
            return follow_milestones(optimizer, milestones, self.gamma)
        share = self.warmup / self.epochs if isinstance(self.warmup, int) else self.warmup
        falls = None if self.schedule == "cosine" else [milestone * steps for milestone in milestones]
        return follow_steps(optimizer, epochs * steps, round(share * epochs * steps), falls, self.gamma)
