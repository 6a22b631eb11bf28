"""Wasserstein distillation of logits: a class may stand in for one that the teacher takes for similar."""

from math import inf, isfinite
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from uniads.distiller.base import Context, check_tau, check_weight, full
from uniads.distiller.course import Course
from uniads.distiller.label import check_classes, teach_label
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.head import head_of

SHARPEST = 0.025
"""The least λ: exp(−cost / λ) of the largest cost, 2, is still a float32."""


@final
class WKDL(Loss):
    """weight * mean_n ( −p_t[y] log p_s[y] + gamma * w * Σ_ij F[i, j] C[i, j] ), in nats and units of the cost.

    p = softmax(z) at temperature 1. F is the plan that carries q_s to q_t, with q = softmax(z / tau) over the classes
    other than the label y: u[i] exp(−C[i, j] / reg) v[j] after so many Sinkhorn steps, v before u in each, from an even
    u. So its rows sum to q_s exactly and its columns to q_t nearly. The gradient goes through all steps.

    C[i, j] = 1 − exp(−kappa (1 − cos(w_i, w_j))) with the rows w of the teacher's classifier, taken once before the
    training. The authors' main results take, in the cosine's place, the CKA of the two classes' features over all
    training images, which a term does not see; their code has the classifier as its other choice, and calls it ``fc``.

    w falls to 0 from epoch decay · epochs on, see ``Course``; it touches the second part alone.

    All in logarithms, so that no probability is too small; the code adds 1e-8 to each denominator and to the costs.

    Source: arXiv:2412.08139, and its code: reg 0.05, 10 steps, kappa 1, decay from epoch 150 of 240; tau 8, gamma 600
    for ResNet-32x4 to ResNet-8x4 on CIFAR-100, 6 and 200 for WRN-40-2 to ShuffleNetV1. The cross-entropy with the
    labels has a weight of 1 beside it.

    Args:
        weight: 0 or more.
        gamma: weight of the second part within the first, 0 or more.
        tau: temperature of the second part, above 0 and finite.
        reg: λ of Sinkhorn, 0.025 or more and finite; the less the nearer to the Wasserstein distance.
        steps: of Sinkhorn, 1 or more.
        kappa: how soon two classes count as far apart, above 0 and finite; 0 leaves C = 1 − cos.
        decay: from which on w falls, see ``Course``.

    Raises:
        UserError: a value is out of its range.
    """

    knowledge: ClassVar[str] = "logits"
    cost: Tensor

    def __init__(
        self,
        weight: float = 1.0,
        gamma: float = 600.0,
        tau: float = 8.0,
        reg: float = 0.05,
        steps: int = 10,
        kappa: float = 1.0,
        decay: float = 150 / 240,
    ) -> None:
        super().__init__(weight)
        if not (reg >= SHARPEST and isfinite(reg)):
            raise UserError(f"distiller.wkd_l.reg must be {SHARPEST} or more and finite, got {reg}")
        if steps < 1:
            raise UserError(f"distiller.wkd_l.steps must be 1 or more, got {steps}")
        self.gamma = check_weight("distiller.wkd_l.gamma", gamma)
        self.kappa = check_weight("distiller.wkd_l.kappa", kappa)
        self.tau, self.reg, self.steps = check_tau("distiller.wkd_l.tau", tau), reg, steps
        self.transport = Course(decay=decay, name="distiller.wkd_l.{}")  # of the second part; the whole has none
        self.fall = 1.0

    @property
    def needs_features(self) -> bool:
        return False

    def formula(self) -> str:
        distance = f"{self.gamma:g} * fall * W(softmax(logits / {self.tau:g}) without y)"
        return f"{self.weight:g} * (p_t[y] CE(z, y) + {distance})"

    def prepare(self, context: Context) -> None:
        """Note how far apart the teacher's classifier has the classes.

        Raises:
            UserError: the teacher has no linear classifier, or other classes than the student.
        """
        check_classes(context, "WKD-L")
        head = head_of(context.require("teacher", context.teacher, "WKD-L"), context.taught, "teacher")
        rows = F.normalize(full(head.weight.detach()))
        cost = (1 - rows @ rows.mT).clamp(min=0)
        if self.kappa > 0:
            cost = -torch.expm1(-self.kappa * cost)
        self.register_buffer("cost", cost, persistent=False)

    def set_epoch(self, epoch: int, epochs: int) -> None:
        self.fall = self.transport.share(epoch, epochs)

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        own, taught = (_hide(known.logits / self.tau, batch.label).log_softmax(1) for known in (student, teacher))
        even = _hide(torch.zeros_like(own), batch.label)
        cost = self.cost.to(own.dtype)
        distance = _carry(own, taught, even, cost, self.reg, self.steps).mean()
        return teach_label(student.logits, teacher.logits, batch.label) + self.gamma * self.fall * distance


def _hide(x: Tensor, label: Tensor) -> Tensor:
    """Logarithms, of which the label's is that of 0."""
    return x.scatter(1, label[:, None], -inf)


def _carry(log_p: Tensor, log_q: Tensor, log_u: Tensor, cost: Tensor, reg: float, steps: int) -> Tensor:
    """Σ_ij F[i, j] C[i, j] for each image. F's rows are p exactly, so that u need not be known at the end."""
    kernel = (-cost / reg).exp()
    for _ in range(steps):
        log_v = log_q - _mix(log_u, kernel)
        log_u = log_p - _mix(log_v, kernel)
    v = (log_v - log_v.detach().amax(1, keepdim=True)).exp()
    return (log_p.exp() * (v @ (kernel * cost)) / (v @ kernel)).sum(1)


def _mix(log_x: Tensor, kernel: Tensor) -> Tensor:
    """log(x @ kernel), however small or large x is; the kernel is symmetric."""
    top = log_x.detach().amax(1, keepdim=True)
    return ((log_x - top).exp() @ kernel).log() + top
