"""DOT: an optimizer that hurries the distillation more than the task."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.sgd import sgd


@final
class DOT(Optimizer):
    """SGD with a momentum for the gradient of the task and another one for that of the distillation.

    v_task = (μ - Δ) v_task + ∇task + λ θ; v_dist = (μ + Δ) v_dist + ∇dist; θ = θ - lr (v_task + v_dist), where ∇task is
    the gradient of the weighted cross-entropy, ∇dist that of the sum of the weighted terms, and λ the weight decay.

    A parameter that only one of the two reaches in a step, such as an adapter's or a classifier's, has its momentum μ
    and its weight decay in that step: plain SGD. So has every one when the distillation is over; v_dist then rests.
    With Δ = 0 all is plain SGD, but for rounding.

    Source: Zhao et al., arXiv:2307.08436, with μ = 0.9, Δ = 0.075 for CIFAR and 0.09 for ImageNet. What happens to a
    parameter that one gradient alone reaches is their code's, which leaves out the weight decay of an adapter's first
    step. Here every step has it.

    Args:
        parameters: to train.
        lr: learning rate, above 0.
        momentum: μ.
        delta: Δ; μ - Δ and μ + Δ are 0 or more and below 1.
        weight_decay: λ, 0 or more.
        fused: whether a step is one pass over memory.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float,
        delta: float,
        weight_decay: float,
        fused: bool = False,
    ) -> None:
        facts = {"lr": lr, "momentum": momentum, "delta": delta, "weight_decay": weight_decay, "fused": fused}
        super().__init__(list(parameters), facts)
        self._distilled: dict[Tensor, Tensor] = {}

    def backward(self, loss: Tensor, task: Tensor, distilled: Tensor | int) -> None:
        """Compute both gradients, in two passes; each adds to what it finds, until ``zero_grad``.

        Args:
            loss: a multiple of task + distilled.
            task: the weighted task loss, out of which ``loss`` was computed.
            distilled: the sum of the weighted terms, likewise; a number where there is none.
        """
        if isinstance(distilled, Tensor) and distilled.requires_grad:
            mine = [each for group in self.param_groups for each in group["params"] if each.requires_grad]
            (share,) = torch.autograd.grad(loss, distilled, retain_graph=True)
            found = torch.autograd.grad(distilled, mine, share, retain_graph=True, allow_unused=True)
            for parameter, gradient in zip(mine, found, strict=True):
                if gradient is not None:
                    before = self._distilled.get(parameter)
                    self._distilled[parameter] = gradient if before is None else before + gradient
        (share,) = torch.autograd.grad(loss, task, retain_graph=True)
        torch.autograd.backward(task, share)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget both gradients."""
        super().zero_grad(set_to_none)
        self._distilled.clear()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Do a step.

        Args:
            closure: computes the gradients first.
        """
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            mu, delta, decay = group["momentum"], group["delta"], group["weight_decay"]
            asked = [each for each in group["params"] if each.grad is not None]
            shared = [each for each in asked if each in self._distilled]
            self._descend(group, "task", shared, mu - delta, decay)
            self._descend(group, "distilled", shared, mu + delta, 0.0)
            self._descend(group, "task", [each for each in asked if each not in self._distilled], mu, decay)
            alone = [each for each in group["params"] if each.grad is None and each in self._distilled]
            self._descend(group, "distilled", alone, mu, decay)
        return result

    def _descend(
        self, group: dict[str, Any], which: str, parameters: Sequence[Tensor], momentum: float, decay: float
    ) -> None:
        """Go down one of the two gradients."""
        if not parameters:
            return
        slopes = [self._distilled[each] if which == "distilled" else each.grad for each in parameters]
        name = f"{which}_momentum"
        for each in parameters:
            if name not in self.state[each]:
                self.state[each][name] = torch.zeros_like(each)
        speeds: list[Tensor | None] = [self.state[each][name] for each in parameters]
        sgd(
            list(parameters),
            [slope for slope in slopes if slope is not None],
            speeds,
            fused=group["fused"],
            weight_decay=decay,
            momentum=momentum,
            lr=group["lr"],
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
