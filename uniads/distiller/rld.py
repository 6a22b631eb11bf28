"""Refined logit distillation: a teacher that errs does not contradict the label."""

from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from uniads.distiller.base import Context, check_tau, check_weight
from uniads.distiller.course import Course
from uniads.distiller.label import check_classes
from uniads.distiller.term import Loss
from uniads.knowledge import Batch, Knowledge
from uniads.transform.rest import drop_label

HIDDEN = -1e9
"""A hidden class's logit: its probability is 0 exactly, and where all are hidden nothing is undefined."""


@final
class RLD(Loss):
    """weight * w * ( alpha * tau_c² KL(b_t || b_s) + beta * tau² KL(m_t || m_s) ), in nats, means over the batch.

    Confidence: b_t = [max p_t, 1 − max p_t] and b_s = [p_s[y], 1 − p_s[y]] with p = softmax(z / tau_c) and the label y.
    The teacher's is its largest probability, whichever class that is, as its share of the label may be small.

    Correlation: m = softmax(z / tau) over the classes c with z_t[c] < z_t[y], that is, without the label and all that
    the teacher ranks above it or level with it. An image with no such class has a KL of 0.

    w = min((e + 1) / (ramp · epochs), 1) in epoch e = 0, 1, ...: the code's 20 of 240 epochs. See ``Course``.

    Source: arXiv:2408.07703, and the values of its code: alpha 1, beta 8 (4 in the paper), tau 4, and
    tau_c 1, a temperature of its own for the confidence. The cross-entropy with the labels has a weight of 1 beside it.

    Args:
        weight: 0 or more.
        alpha: weight of the confidence, 0 or more.
        beta: weight of the correlation, 0 or more.
        tau: temperature of the correlation, above 0 and finite.
        tau_confidence: tau_c, above 0 and finite.
        ramp: over which w rises, see ``Course``.

    Raises:
        UserError: a value is out of its range.
    """

    knowledge: ClassVar[str] = "logits"

    def __init__(
        self,
        weight: float = 1.0,
        alpha: float = 1.0,
        beta: float = 8.0,
        tau: float = 4.0,
        tau_confidence: float = 1.0,
        ramp: float = 20 / 240,
    ) -> None:
        super().__init__(weight, Course(ramp, name="distiller.rld.{}"))
        self.tau = check_tau("distiller.rld.tau", tau)
        self.tau_confidence = check_tau("distiller.rld.tau_confidence", tau_confidence)
        self.alpha, self.beta = check_weight("distiller.rld.alpha", alpha), check_weight("distiller.rld.beta", beta)

    @property
    def needs_features(self) -> bool:
        return False

    def formula(self) -> str:
        confidence = f"{self.alpha:g} * {self.tau_confidence:g}² * KL([p[y], 1 − p[y]])"
        below = f"{self.beta:g} * {self.tau:g}² * KL(classes below y)"
        return f"{self.weight:g}{self.course.describe()} * ({confidence} + {below})"

    def prepare(self, context: Context) -> None:
        """Check that both sides know the same classes; there is nothing to make.

        Raises:
            UserError: they don't.
        """
        check_classes(context, "RLD")

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        confidence = self._compare_confidence(student.logits, teacher.logits, batch.label)
        correlation = self._compare_below(student.logits, teacher.logits, batch.label)
        return self.alpha * confidence + self.beta * correlation

    def _compare_confidence(self, student: Tensor, teacher: Tensor, label: Tensor) -> Tensor:
        own = _split(student / self.tau_confidence, label)
        taught = _split(teacher / self.tau_confidence, teacher.argmax(1))
        return self.tau_confidence**2 * F.kl_div(own, taught, reduction="batchmean", log_target=True)

    def _compare_below(self, student: Tensor, teacher: Tensor, label: Tensor) -> Tensor:
        hidden = teacher >= teacher.gather(1, label[:, None])
        own, taught = ((z / self.tau).masked_fill(hidden, HIDDEN).log_softmax(1) for z in (student, teacher))
        return self.tau**2 * F.kl_div(own, taught, reduction="batchmean", log_target=True)


def _split(logits: Tensor, index: Tensor) -> Tensor:
    """For each image log p and log(1 − p) of one class, (n, 2), without a difference that would round to 0."""
    logs = logits.log_softmax(1)
    return torch.cat([logs.gather(1, index[:, None]), drop_label(logs, index).logsumexp(1, keepdim=True)], 1)
