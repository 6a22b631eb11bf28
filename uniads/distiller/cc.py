"""Correlation congruence."""

from math import exp, factorial
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.distiller.base import Context
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge

KERNELS = (None, "gaussian", "bilinear")


@final
class CC(Loss):
    """The weight times one of two readings, on embeddings E(e) of a trained linear map of each side.

    As RepDistiller codes it (``kernel=None``): with δ[n] = |E_s(e_s[n]) − E_t(e_t[n])|,
    L = Σ_d δ[n, d] · δ[n + 1, d], mean over n = 1 .. N − 1: it depends on the order of the batch, and is 0 for a batch
    of one. Its weight in the CRD benchmark is 0.02.

    As the paper defines it: L = 1/N² · Σ_mn (K_s[m, n] − K_t[m, n])², with K = k(E(e), E(e)), E(e) of length one, and
    k(x, y) = ⟨x, y⟩ (``bilinear``) or exp(−2γ) Σ_{p ≤ 2} (2γ)ᵖ/p! ⟨x, y⟩ᵖ (``gaussian``, γ = 0.4). torchdistill, which
    takes the root of the sum, gives it the weight 0.003.

    The map of the teacher's side trains, too; the teacher itself does not.

    Source: arXiv:1904.01802; the code of arXiv:1910.10699.

    Args:
        weight: 0 or more.
        dim: size of E(e), above 0.
        kernel: None, ``gaussian`` or ``bilinear``.
        gamma: of the gaussian kernel, above 0.

    Raises:
        UserError: the kernel is another word.
    """

    knowledge: ClassVar[str] = "embedding"
    parts: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_batch: ClassVar[bool] = False

    def __init__(self, weight: float = 0.02, dim: int = 128, kernel: str | None = None, gamma: float = 0.4) -> None:
        super().__init__(weight)
        if kernel not in KERNELS:
            raise UserError(f"the kernel of cc must be null, gaussian or bilinear, got {kernel!r}")
        self.dim, self.kernel, self.gamma = dim, kernel, gamma

    @property
    def needs_features(self) -> bool:
        return False

    def formula(self) -> str:
        if self.kernel:
            return f"{self.weight:g} * mean (K_s − K_t)², K = {self.kernel}(E(embedding))"
        return f"{self.weight:g} * mean_n ⟨δ[n], δ[n + 1]⟩, δ = |E_s(embedding) − E_t(embedding)|"

    def prepare(self, context: Context) -> None:
        self.student = nn.Linear(context.student_knowledge.embedding.shape[1], self.dim)
        self.teacher = nn.Linear(context.taught.embedding.shape[1], self.dim)

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        student_map: Tensor = self.student(student.embedding)
        teacher_map: Tensor = self.teacher(teacher.embedding)
        if self.kernel:
            return F.mse_loss(self._gram(student_map), self._gram(teacher_map))
        delta = (student_map - teacher_map).abs()
        return (delta[:-1] * delta[1:]).sum() / max(1, len(delta) - 1)

    def _gram(self, x: Tensor) -> Tensor:
        x = F.normalize(x)
        inner = x @ x.mT
        if self.kernel == "bilinear":
            return inner
        terms = [(2 * self.gamma) ** p / factorial(p) * inner**p for p in range(3)]
        return exp(-2 * self.gamma) * torch.stack(terms).sum(0)
