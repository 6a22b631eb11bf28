"""Contrastive representation distillation."""

from math import log, sqrt
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.distiller.base import Context
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge

EPS = 1e-7
"""Added to the denominators, as in the authors' code."""


@final
class CRD(Loss):
    """weight * (L_s + L_t): each image's embedding is found again among those of images of other classes.

    With v = l2norm(E(e)) of either side, E a trained linear map to ``dim``, and memories M_s, M_t of the v of every
    training image: P_s[n, k] = exp(⟨M_t[i(n, k)], v_s[n]⟩ / τ) / Z_s, and P_t with M_s and v_t, where i(n, 0) is the
    image itself and i(n, 1 .. K) are negatives. For either side

    L = −1/N Σ_n ( log( P[n, 0] / (P[n, 0] + K/n + ε) ) + Σ_k log( (K/n) / (P[n, k] + K/n + ε) ) )

    with n images that are trained on. Z is the mean of the exponentials of the first batch, times n, and stays.
    Afterwards M[i] becomes l2norm(m M[i] + (1 − m) v). All in logarithms, so that no exponential overflows.

    Negatives: K different images for each image, drawn evenly from all that are trained on and are of other classes
    (of any other image where the classes are unknown). Where there are fewer than ``negatives``, K is what the class
    with the fewest has. The authors' code would then draw with repetition.

    The memories (2 · n · dim scalars), Z and the number of draws are part of the state, so that a resumed training goes
    on to the bit. The map of the teacher's side trains, too; the teacher itself does not.

    Source: arXiv:1910.10699, and its code, whose weight is 0.8; a KD of weight 1 beside it is
    ``+also=kd``.

    Args:
        weight: 0 or more.
        dim: size of v, above 0.
        negatives: the largest K, above 0.
        tau: τ, above 0.
        momentum: m, 0 to below 1.
        seed: of the negatives, at least 0.

    Raises:
        UserError: an argument is out of its range.
    """

    knowledge: ClassVar[str] = "embedding"
    parts: ClassVar[tuple[str, ...]] = ("embedding",)
    memory_s: Tensor
    memory_t: Tensor
    log_z: Tensor
    label: Tensor

    def __init__(
        self,
        weight: float = 0.8,
        dim: int = 128,
        negatives: int = 16384,
        tau: float = 0.07,
        momentum: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__(weight)
        if not (dim > 0 and negatives > 0 and tau > 0 and 0 <= momentum < 1):
            raise UserError(
                "crd needs dim, negatives and tau above 0 and momentum from 0 to below 1, "
                f"got {dim}, {negatives}, {tau}, {momentum}"
            )
        self.dim, self.negatives, self.tau, self.momentum, self.seed = dim, negatives, tau, momentum, seed
        self.draws = 0

    @property
    def needs_features(self) -> bool:
        return False

    def formula(self) -> str:
        return f"{self.weight:g} * (NCE(v_s, M_t) + NCE(v_t, M_s)), v = l2norm(E(embedding)), tau {self.tau:g}"

    def prepare(self, context: Context) -> None:
        """Make maps and memories, and count the negatives.

        Raises:
            UserError: there are no images of another class, or the context lacks ``index_size``.
        """
        self.embed_s = nn.Linear(context.student_knowledge.embedding.shape[1], self.dim)
        self.embed_t = nn.Linear(context.taught.embedding.shape[1], self.dim)
        size = context.require("index_size", context.index_size, "CRD")
        bound = 1 / sqrt(self.dim / 3)
        for name in ("memory_s", "memory_t"):
            self.register_buffer(name, torch.empty(size, self.dim).uniform_(-bound, bound))
        self.register_buffer("log_z", torch.zeros(2))
        # Without classes every image is a class of its own.
        label = torch.arange(size) if context.label is None else context.label
        self.register_buffer("label", label, persistent=False)
        self.by_class = context.label is not None
        counts = label[label >= 0].bincount()
        self.images = int(counts.sum())
        self.k = min(self.negatives, self.images - int(counts.max()))
        if self.k < 1:
            raise UserError(f"crd needs training images of two classes or more, got {self.images} of one class")

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        if len(batch.index) != len(student.embedding):
            raise UserError(
                f"CRD needs the position of each image in its training set, got {len(batch.index)} for "
                f"{len(student.embedding)} images; give a loader of batches (image, label, index)"
            )
        self._check_positions(batch.index)
        v_s, v_t = F.normalize(self.embed_s(student.embedding)), F.normalize(self.embed_t(teacher.embedding))
        columns = torch.cat([batch.index[:, None], self._draw_negatives(batch)], 1)
        scores = [
            # All scores at once and then a choice among them: much less memory than the rows of all choices.
            (v @ memory.mT).gather(1, columns) / self.tau
            for v, memory in ((v_s, self.memory_t), (v_t, self.memory_s))
        ]
        if self.draws == 1:
            means = [s.detach().flatten().logsumexp(0) - log(s.numel()) for s in scores]
            self.log_z = torch.stack(means) + log(self.images)
        self.memory_s = self._move(self.memory_s, v_s, batch)
        self.memory_t = self._move(self.memory_t, v_t, batch)
        return self._nce(scores[0] - self.log_z[0]) + self._nce(scores[1] - self.log_z[1])

    def _check_positions(self, index: Tensor) -> None:
        """Check that the memories have a row for each image; on a GPU, which would wait for it, in the first step only.

        Raises:
            UserError: a position is beyond the training set.
        """
        size = len(self.memory_s)
        if (index.device.type == "cpu" or self.draws == 0) and not 0 <= int(index.min()) <= int(index.max()) < size:
            raise UserError(
                f"CRD got the positions {int(index.min())} to {int(index.max())} of images in a training set of "
                f"{size}; give the context the index_size of the whole set"
            )

    def _draw_negatives(self, batch: Batch) -> Tensor:
        """K indices of negatives for each image of a batch."""
        own = batch.label if self.by_class else batch.index
        allowed = (self.label != own[:, None]) & (self.label >= 0)
        mixed = np.random.SeedSequence((self.seed, self.draws)).generate_state(1)
        generator = torch.Generator(allowed.device).manual_seed(int(mixed[0]))
        self.draws += 1
        return torch.multinomial(allowed.float(), self.k, generator=generator)

    def _nce(self, log_p: Tensor) -> Tensor:
        """L from log P; column 0 is the image itself."""
        prior = self.k / self.images
        log_a = log(prior + EPS)
        positive = F.logsigmoid(log_p[:, 0] - log_a)
        negative = F.logsigmoid(log_a - log_p[:, 1:]) + (log(prior) - log_a)
        return -(positive.sum() + negative.sum()) / len(log_p)

    @torch.no_grad()
    def _move(self, memory: Tensor, v: Tensor, batch: Batch) -> Tensor:
        """A new memory, since the gradient still needs the old one."""
        moved = self.momentum * memory[batch.index] + (1 - self.momentum) * v
        return memory.index_copy(0, batch.index, F.normalize(moved))

    def get_extra_state(self) -> dict[str, int]:
        return {"draws": self.draws}

    def set_extra_state(self, state: Any) -> None:
        self.draws = int(state["draws"])
