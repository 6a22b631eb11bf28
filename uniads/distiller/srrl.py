"""Softmax regression representation learning."""

from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.distiller.base import Context
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.head import head_of

SOURCES = ("feature", "embedding")


@final
class SRRL(Loss):
    """weight * ( MSE(g, e_t) + regression * MSE(W_t g + b_t, z_t) ), each a mean over all elements.

    g is the student's knowledge in the teacher's space, e_t the teacher's embedding, z_t its logits, and W_t, b_t its
    frozen classifier. With ``source=feature``, as in the authors' code, g = GAP(c(f_s)) with the student's last map
    f_s; with ``embedding``, as in SimKD's code, g = c(e_s) with its pooled map, which gives other statistics to the
    batch norm. c = ReLU(BatchNorm(Conv1x1)), the convolution without a bias and with
    torch's initial weights; the norm is blind to their scale.

    There is no KL: in spite of the name the logits are compared by their squares. The authors' weights for ImageNet
    are 1 and 1, with a cross-entropy of weight 1; those for CIFAR were searched for each pair and not kept. SimKD adds
    KD of weight 1 (``+also=kd``).

    Source: ICLR 2021, openreview ZzwDy_wiWv, and its code; arXiv:2203.14001 for SimKD.

    Args:
        weight: 0 or more.
        regression: weight of the second part within the first, 0 or more.
        source: ``feature`` or ``embedding``.

    Raises:
        UserError: source is another word.
    """

    knowledge: ClassVar[str] = "last feature map, embedding, logits"
    parts: ClassVar[tuple[str, ...]] = ("feature", "embedding")
    needs_batch: ClassVar[bool] = False
    weight_t: Tensor
    bias_t: Tensor

    def __init__(self, weight: float = 1.0, regression: float = 1.0, source: str = "feature") -> None:
        super().__init__(weight)
        if source not in SOURCES:
            raise UserError(f"the source of srrl must be one of {', '.join(SOURCES)}, got {source!r}")
        self.regression, self.source = regression, source

    @property
    def needs_features(self) -> bool:
        return False  # of the teacher's

    def formula(self) -> str:
        view = "GAP(c(features[-1]))" if self.source == "feature" else "c(embedding)"
        return f"{self.weight:g} * (L2({view}, embedding) + {self.regression:g} * L2(head_t({view}), logits))"

    def prepare(self, context: Context) -> None:
        """Make the connector, and note the teacher's classifier.

        Raises:
            UserError: the teacher has no linear classifier.
        """
        known = context.taught
        head = head_of(context.require("teacher", context.teacher, "SRRL"), known, "teacher")
        # Copies, outside of the state: the teacher is somebody else's, and stays where it is.
        self.register_buffer("weight_t", head.weight.detach().clone(), persistent=False)
        bias = torch.zeros_like(head.weight[:, 0]) if head.bias is None else head.bias
        self.register_buffer("bias_t", bias.detach().clone(), persistent=False)
        self.connector = nn.Sequential(
            nn.Conv2d(self._pick(context.student_knowledge).shape[1], known.embedding.shape[1], 1, bias=False),
            nn.BatchNorm2d(known.embedding.shape[1]),
            nn.ReLU(),
        )

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        guess: Tensor = self.connector(self._pick(student)).mean((2, 3))
        logits = F.linear(guess, self.weight_t, self.bias_t)
        return F.mse_loss(guess, teacher.embedding) + self.regression * F.mse_loss(logits, teacher.logits)

    def _pick(self, knowledge: Knowledge) -> Tensor:
        return knowledge.features[-1] if self.source == "feature" else knowledge.embedding[:, :, None, None]
