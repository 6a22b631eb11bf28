"""Peers that learn from each other."""

from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.distiller.base import Context, full, shown
from uniads.distiller.term import Term
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge, read_knowledge
from uniads.model.base import lay_out, place
from uniads.model.flops import forward_flops


@final
class DML(Term):
    """Σ_{i ≥ 2} CE(z_i) + weight / (K - 1) · Σ_i Σ_{j ≠ i} KL(softmax(z_j) || softmax(z_i)), in nats.

    Network 1 of the K is the student; its CE(z_1) is the task loss. The others are its peers: the same architecture,
    newly drawn, shown the same images, and trained in the same optimizer. All are means over the batch. p_j has no
    gradient in KL(p_j || p_i), so each network is only pulled, as if they were updated one by one.

    The authors' TensorFlow code updates all networks from the same forward pass, too, but lets the gradient into both
    sides of the KL (``detach=False``), adds 1e-8 inside the logarithm (``eps``) and does not divide by K - 1 (a
    ``weight`` of K - 1). It also smooths labels by 0.1 and uses Adam, for which there is no key.

    There is no teacher. Peers are in no exported student and no count of parameters. Only the student is reported.

    Source: Zhang et al., arXiv:1706.00384.

    Args:
        weight: of the KL terms, 0 or more; 0 removes all of the above.
        peers: K - 1, at least 1.
        eps: ε in KL(p || q) = Σ p log(ε + p / (q + ε)), 0 to below 1.
        detach: whether p_j has no gradient in KL(p_j || p_i).

    Raises:
        UserError: there is no peer, or eps is out of its range.
    """

    knowledge: ClassVar[str] = "logits"
    needs_teacher = False
    needs_features = False

    def __init__(self, weight: float = 1.0, peers: int = 1, eps: float = 0.0, detach: bool = True) -> None:
        super().__init__(weight)
        if not 0 <= eps < 1:
            raise UserError(f"distiller.dml.eps must be 0 or more and below 1, got {eps}")
        self.eps, self.detach = eps, detach
        if peers < 1:
            raise UserError(f"distiller.dml.peers must be at least 1, got {peers}")
        self.count = peers
        self.peers = nn.ModuleList()
        self._flops = 0

    @property
    def flops(self) -> int:
        return self._flops

    def formula(self) -> str:
        return f"{self.count} peers' cross-entropy + {self.weight / self.count:g} * Σ kl(one network, another)"

    def prepare(self, context: Context) -> None:
        build = context.require("build", context.build, "DML")
        batch = context.require("batch", context.batch, "DML")
        self.peers = nn.ModuleList(build() for _ in range(self.count))
        self._layouts = [lay_out(peer, context.memory_format) for peer in self.peers]
        self._flops = sum(forward_flops(peer, batch.image[:1]) for peer in self.peers)

    def weigh(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        peers = [
            read_knowledge(peer(place(shown(batch.image, peer), layout)), "peer").logits
            for peer, layout in zip(self.peers, self._layouts, strict=True)
        ]
        with torch.autocast(student.logits.device.type, enabled=False):
            task = torch.stack([F.cross_entropy(full(logits), batch.label) for logits in peers]).sum()
            divergences = self._sum_divergences([full(logits) for logits in (student.logits, *peers)])
            return task + self.weight / self.count * divergences

    def _sum_divergences(self, logits: list[Tensor]) -> Tensor:
        """Σ_i Σ_{j ≠ i} KL(softmax(z_j) || softmax(z_i)), mean over the batch."""
        logs = [z.log_softmax(1) for z in logits]
        kls = [
            self._divergence(other.detach() if self.detach else other, own)
            for i, own in enumerate(logs)
            for j, other in enumerate(logs)
            if i != j
        ]
        return torch.stack(kls).sum()

    def _divergence(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        if self.eps == 0:
            return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
        p, q = log_p.exp(), log_q.exp()
        return (p * (self.eps + p / (q + self.eps)).log()).sum(1).mean()
