"""Branches that teach each other through their gated ensemble."""

from math import exp
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.distiller.base import Context, full, shown
from uniads.distiller.term import Term
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network, lay_out
from uniads.model.flops import forward_flops


@final
class ONE(Term):
    """Σ_{k ≥ 2} CE(z_k) + CE(z_e) + weight · w · tau² Σ_k KL(softmax(z_e / tau) || softmax(z_k / tau)), in nats.

    Branch 1 is the student; its CE(z_1) is the task loss. Each further branch has a last stage and a classifier of its
    own, newly drawn, on the student's map before the last stage. z_e = Σ_k g_k z_k with the gate g = softmax(ReLU(
    BN(linear(mean of that map over its pixels)))). All are means over the batch; z_e has no gradient in the KL. A batch
    of one is normalised with the gate's running statistics, since it has no variance.

    w = exp(-5 (1 - t / T)²) in epoch t = 0, 1, ..., T = ramp · epochs, and 1 after it: the code's 80 of 300 epochs.

    There is no teacher. Branches and gate are trained with the student; they are in no exported student and no count of
    parameters. Only the student, branch 1, is reported.

    Source: Lan et al., arXiv:1806.04606; the ramp and the detached z_e are their code's, which also adds
    1e-7 to the softmax of z_e (``eps``).

    Args:
        weight: of the KL terms, 0 or more; 0 removes all of the above.
        branches: the student included, at least 2.
        tau: temperature, above 0.
        ramp: share of the epochs, 0 to 1.
        eps: added to each probability of softmax(z_e / tau), 0 to below 1.

    Raises:
        UserError: a value is out of its range.
    """

    knowledge: ClassVar[str] = "logits"
    needs_teacher = False
    needs_features = False

    def __init__(
        self, weight: float = 1.0, branches: int = 3, tau: float = 3.0, ramp: float = 80 / 300, eps: float = 0.0
    ) -> None:
        super().__init__(weight)
        if branches < 2:
            raise UserError(f"distiller.one.branches must be at least 2, the student's own included, got {branches}")
        if not tau > 0:
            raise UserError(f"distiller.one.tau must be above 0, got {tau}")
        if not 0 <= ramp <= 1:
            raise UserError(f"distiller.one.ramp must be a share of the epochs from 0 to 1, got {ramp}")
        if not 0 <= eps < 1:
            raise UserError(f"distiller.one.eps must be 0 or more and below 1, got {eps}")
        self.count, self.tau, self.ramp, self.eps = branches, tau, ramp, eps
        self.rise = 1.0
        self._flops = 0
        self.branches = nn.ModuleList()

    @property
    def flops(self) -> int:
        return self._flops

    def formula(self) -> str:
        return (
            f"{self.count - 1} branches' cross-entropy + ensemble's cross-entropy + {self.weight:g} * rise * "
            f"{self.tau:g}² * Σ kl(ensemble, branch)"
        )

    def prepare(self, context: Context) -> None:
        build = context.require("build", context.build, "ONE")
        maps = context.student_knowledge.features
        if len(maps) < 2:
            raise UserError(
                f"ONE branches off before the last stage, and the student has {len(maps)} maps; name more taps"
            )
        for _ in range(self.count - 1):
            network = build()
            assert isinstance(network, Network)
            branch = network.tail()
            lay_out(branch, context.memory_format)
            self.branches.append(branch)
        before = maps[-2]
        self._flops = sum(forward_flops(branch, before[:1]) for branch in self.branches)
        self.gate = nn.Linear(before.shape[1], self.count)
        self.norm = nn.BatchNorm1d(self.count)

    def set_epoch(self, epoch: int, epochs: int) -> None:
        length = self.ramp * epochs
        self.rise = exp(-5 * (1 - epoch / length) ** 2) if epoch < length else 1.0

    def weigh(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        before = student.features[-2]
        logits = torch.stack(
            [full(student.logits), *(full(branch(shown(before, branch))) for branch in self.branches)], 1
        )
        ensemble = (self._gates(before).unsqueeze(2) * logits).sum(1)
        task = torch.stack([F.cross_entropy(z, batch.label) for z in (*logits.unbind(1)[1:], ensemble)]).sum()
        return task + self.weight * self.rise * self.tau**2 * self._sum_divergences(ensemble.detach(), logits)

    def _gates(self, before: Tensor) -> Tensor:
        """The share of each branch, (n, branches)."""
        with torch.autocast(before.device.type, enabled=False):
            x = self.gate(before.to(self.gate.weight.dtype).mean((2, 3)))
            self.norm.train(self.training and len(before) > 1)
            gates: Tensor = self.norm(x).relu().softmax(1)
            return gates

    def _sum_divergences(self, ensemble: Tensor, logits: Tensor) -> Tensor:
        """Σ_k KL(ensemble || branch k), mean over the batch."""
        goal = (ensemble / self.tau).log_softmax(1).unsqueeze(1).expand_as(logits)
        logs = (logits / self.tau).log_softmax(2)
        if self.eps:
            kl = F.kl_div(logs, goal.exp() + self.eps, reduction="sum")
        else:
            kl = F.kl_div(logs, goal, reduction="sum", log_target=True)
        return kl / len(logits)
