"""Multi-level logit distillation: images, their pairs and pairs of classes, in two views, at several temperatures."""

from collections.abc import Sequence
from math import isfinite
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from uniads.distiller.base import Context, check_weight, say
from uniads.distiller.label import check_classes
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.recipe.operations import check_operations


@final
class MLKD(Loss):
    """weight * Σ_v Σ_τ (instance * τ² KL(P_t ‖ P_s) + batch * B + classes * K), over views v and temperatures τ.

    B = ‖P_s P_sᵀ − P_t P_tᵀ‖² / N compares pairs of images, K = ‖P_sᵀ P_s − P_tᵀ P_t‖² / C pairs of classes. The rows
    of P, of shape (N, C), are softmax(z / τ) of the N images of one view; views are not compared with each other. KL in
    nats, mean over the N; the norms are Frobenius's. The products are sums: K may reach 2 N² / C, so that few
    classes and large batches need a smaller weight of it. Of a batch of one view there is one v.

    Source: Jin et al., CVPR 2023, doi:10.1109/CVPR52729.2023.02325, and the values of its code: cross-entropy times 0.1
    and the rest times 0.9, for each view. Here the cross-entropy is the mean over both views, so that a task of 0.2 is
    0.1 for each.

    The code departs from that, and this does not, since it looks like slips: it multiplies the first view's three
    terms, which are averages already, by masks of the images or classes of which the teacher is less sure than of half
    of them, and so halves them; it computes B and K of the second view and never adds them; and two of the second
    view's five KL are once more those of the first. Its second view is FixMatch's: operations of random strength,
    whatever the magnitude, and a grey square; here ``RandAugment`` has one strength and no square. Its student sees one
    view after the other, so that batch norm normalises each by itself; here it sees both as one batch.

    Args:
        weight: 0 or more.
        instance: weight of the KL, 0 or more.
        batch: weight of the relations of images, 0 or more.
        classes: weight of the relations of classes, 0 or more.
        taus: one temperature or more, each above 0 and finite.
        strong: operations of RandAugment on the second view of each image, 1 or more, and their magnitude, 0 to 30;
            None: there is one view.

    Raises:
        UserError: a value is out of its range.
    """

    knowledge: ClassVar[str] = "logits of two views"

    def __init__(
        self,
        weight: float = 0.9,
        instance: float = 1.0,
        batch: float = 1.0,
        classes: float = 1.0,
        taus: Sequence[float] = (2, 3, 4, 5, 6),
        strong: Sequence[int] | None = (2, 10),
    ) -> None:
        super().__init__(weight)
        self.instance = check_weight("distiller.mlkd.instance", instance)
        self.batch = check_weight("distiller.mlkd.batch", batch)
        self.classes = check_weight("distiller.mlkd.classes", classes)
        if not taus or any(not (tau > 0 and isfinite(tau)) for tau in taus):
            got = ", ".join(str(say(tau)) for tau in taus)
            raise UserError(f"distiller.mlkd.taus must be numbers above 0 and finite, one or more, got [{got}]")
        self.taus = tuple(taus)
        self.strong = check_operations("distiller.mlkd.strong", strong)

    @property
    def needs_features(self) -> bool:
        return False

    @property
    def second_view(self) -> tuple[int, int] | None:
        return self.strong

    def formula(self) -> str:
        taus = ", ".join(f"{tau:g}" for tau in self.taus)
        parts = f"{self.instance:g} * τ² KL + {self.batch:g} * ‖ΔPPᵀ‖² / N + {self.classes:g} * ‖ΔPᵀP‖² / C"
        return f"{self.weight:g} * Σ over {'both views' if self.strong else 'one view'} and τ = {taus} of ({parts})"

    def prepare(self, context: Context) -> None:
        """Check that both sides know the same classes; there is nothing to make.

        Raises:
            UserError: they don't.
        """
        check_classes(context, "MLKD")

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        views = zip(student.logits.chunk(batch.views), teacher.logits.chunk(batch.views), strict=True)
        return torch.stack([self._compare(s, t, tau) for s, t in views for tau in self.taus]).sum()

    def _compare(self, student: Tensor, teacher: Tensor, tau: float) -> Tensor:
        own, taught = ((z / tau).log_softmax(1) for z in (student, teacher))
        images = tau**2 * F.kl_div(own, taught, reduction="batchmean", log_target=True)
        p, q = own.exp(), taught.exp()
        pairs = (p @ p.mT - q @ q.mT).square().sum() / len(p)
        classes = (p.mT @ p - q.mT @ q).square().sum() / p.shape[1]
        return self.instance * images + self.batch * pairs + self.classes * classes
