"""Normalised knowledge distillation: the label's class and all others apart."""

from typing import ClassVar, final

from torch import Tensor

from uniads.distiller.base import Context, check_tau, check_weight
from uniads.distiller.label import check_classes, teach_label
from uniads.distiller.term import Loss
from uniads.knowledge import Batch, Knowledge
from uniads.transform.rest import drop_label


@final
class NKD(Loss):
    """weight * mean_n ( −p_t[y] log p_s[y] − gamma * tau² * Σ_{c ≠ y} q_t[c] log q_s[c] ), in nats.

    p = softmax(z) at temperature 1, whatever tau is; q = softmax(z / tau) over the classes c ≠ y, so that either side's
    others sum to 1; y is the label. Both parts are cross-entropies, not divergences: a student that says what its
    teacher says is at the least value, which is above 0.

    Source: arXiv:2303.13005, and its code, which takes tau in the second part alone. Its values for ImageNet are
    gamma 1.5 and tau 1; for ResNet-34 to ResNet-18 on CIFAR-100 its file has gamma 3.5 and tau 3. The cross-entropy
    with the labels has a weight of 1 beside it.

    Args:
        weight: 0 or more.
        gamma: weight of the second part within the first, 0 or more.
        tau: temperature of the second part, above 0 and finite.

    Raises:
        UserError: a value is out of its range.
    """

    knowledge: ClassVar[str] = "logits"

    def __init__(self, weight: float = 1.0, gamma: float = 1.5, tau: float = 1.0) -> None:
        super().__init__(weight)
        self.gamma, self.tau = check_weight("distiller.nkd.gamma", gamma), check_tau("distiller.nkd.tau", tau)

    @property
    def needs_features(self) -> bool:
        return False

    def formula(self) -> str:
        return f"{self.weight:g} * (p_t[y] CE(z, y) + {self.gamma:g} * {self.tau:g}² * CE(q_s, q_t)), q without y"

    def prepare(self, context: Context) -> None:
        """Check that both sides know the same classes; there is nothing to make.

        Raises:
            UserError: they don't.
        """
        check_classes(context, "NKD")

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        own, taught = (drop_label(known.logits, batch.label) / self.tau for known in (student, teacher))
        others = -(taught.softmax(1) * own.log_softmax(1)).sum(1).mean()
        return teach_label(student.logits, teacher.logits, batch.label) + self.gamma * self.tau**2 * others
