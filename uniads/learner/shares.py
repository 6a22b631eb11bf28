"""By which share each term of a distiller moves the student."""

from copy import deepcopy
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from uniads.distiller.composed import Composed
from uniads.knowledge import Batch
from uniads.learner.learner import Learner

TASK = "task"


class MeasureShares(Callback):
    """Measures shares of the gradient on the first batch of every epoch, and logs them as ``share/<term>``.

    It looks at copies: the training goes on to the bit as without it.

    Attributes:
        means: share by term, the task's as ``task``, over the epochs with distillation; empty where there are none.
    """

    def __init__(self) -> None:
        self.means: dict[str, float] = {}
        self._epochs = 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx or not isinstance(pl_module, Learner):
            return
        with trainer.precision_plugin.forward_context():
            shares = measure_shares(pl_module, batch)
        if not shares:
            return
        self._epochs += 1
        before = self.means or dict.fromkeys(shares, 0.0)
        self.means = {name: mean + (shares[name] - mean) / self._epochs for name, mean in before.items()}
        pl_module.log_dict({f"share/{name}": share for name, share in shares.items()}, on_step=False, on_epoch=True)

    def state_dict(self) -> dict[str, Any]:
        return {"means": self.means, "epochs": self._epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.means, self._epochs = dict(state_dict["means"]), int(state_dict["epochs"])


def measure_shares(learner: Learner, batch: Batch) -> dict[str, float]:
    """‖∂L_i/∂θ‖₂ / Σ_j ‖∂L_j/∂θ‖₂ for the weighted cross-entropy, ``task``, and each weighted term, on one batch.

    θ are the student's parameters. Copies of student and distiller are asked, and no random number is drawn.

    Args:
        learner: in training; not changed.
        batch: one of its batches.

    Returns:
        Shares that sum to 1; empty where there is no term, or the distillation is over. Where no loss has a gradient
        all shares are 0.
    """
    made = learner.distiller
    if made.over or (isinstance(made, Composed) and not made.terms()):
        return {}
    if learner.mix:
        batch = learner.mix(batch, learner.current_epoch, 0)
    student, distiller = deepcopy((learner.student, learner.distiller))  # together: a distiller may look at the student
    devices = [batch.image.device] if batch.image.is_cuda else []
    with torch.random.fork_rng(devices), torch.enable_grad():
        task, terms = learner.losses(student, distiller, batch)
        if not terms:
            return {}
        weighted = {TASK: distiller.task * task, **terms}
        norms = {name: _measure_norm(loss, student) for name, loss in weighted.items()}
    total = sum(norms.values())
    return {name: norm / total if total else 0.0 for name, norm in norms.items()}


def _measure_norm(loss: Tensor, student: torch.nn.Module) -> float:
    weights = [weight for weight in student.parameters() if weight.requires_grad]
    if not loss.requires_grad:
        return 0.0
    gradients = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    squares = [gradient.double().square().sum() for gradient in gradients if gradient is not None]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0
