"""Terms that weigh what they say: each is scaled to the gradient of the cross-entropy."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from uniads.error import UserError
from uniads.knowledge import Knowledge

STEPS = 20
"""Training steps in which gradients are measured."""


@final
class Balance(nn.Module):
    """One factor a term: f = g_task / g_term, so that f * term moves the student as much as the cross-entropy does.

    g = sum over the first ``STEPS`` training steps of ||d loss / d x||_2, where x is the first of the student's last
    feature map, those before it, its embedding and its logits on which both losses depend. While it is measured a step
    uses the factors of all steps until then, its own included. Then they are frozen, saved with the distiller, and the
    same to the end. A term without any gradient gets the factor 0.

    Sources: gradient norms say how much a loss counts, Chen et al., arXiv:1711.02257, who train weights by them where
    they are measured once here; gradients of one norm in distillation, doi:10.3772/j.issn.1002-0470.2023.12.005.

    Args:
        names: of the terms.
    """

    task_norms: Tensor  # g_task and g_term so far, one number a term
    term_norms: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names, self.steps = tuple(names), 0
        self.register_buffer("task_norms", torch.zeros(len(self.names)))
        self.register_buffer("term_norms", torch.zeros(len(self.names)))

    @property
    def settled(self) -> bool:
        """Whether the factors are frozen."""
        return self.steps >= STEPS or not self.names

    def factors(self) -> Tensor:
        """The factors, in the order of the names; 1 before anything was measured."""
        if self.steps == 0:
            return torch.ones_like(self.term_norms)
        return torch.where(self.term_norms > 0, self.task_norms / self.term_norms, torch.zeros_like(self.term_norms))

    def measure(self, task: Tensor, terms: Mapping[str, Tensor], student: Knowledge) -> None:
        """Measure one step.

        Args:
            task: the cross-entropy, unweighted.
            terms: each without its weight, by name.
            student: what the student said, with its gradients.

        Raises:
            UserError: no gradient of the cross-entropy gets where a term's does.
        """
        places = (*reversed(student.features), student.embedding, student.logits)
        known: dict[int, Tensor | None] = {}
        for number, name in enumerate(self.names):
            met = not terms[name].requires_grad
            for index, place in enumerate(places):
                own = _find_gradient(terms[name], place)
                if own is None:
                    continue
                if index not in known:
                    known[index] = _find_gradient(task, place)
                if (other := known[index]) is not None:
                    self.task_norms[number] += other.norm()
                    self.term_norms[number] += own.norm()
                    met = True
                    break
            if not met:
                raise UserError(
                    f"the term {name} can't be balanced: its gradient and that of the cross-entropy meet in no "
                    "feature map, embedding or logits of the student; use distiller.balance=false"
                )
        self.steps += 1

    def get_extra_state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def set_extra_state(self, state: Any) -> None:
        self.steps = int(state["steps"])


def _find_gradient(loss: Tensor, place: Tensor) -> Tensor | None:
    """The gradient of a loss with respect to something that it may depend on, in float32; None if it does not."""
    if not (loss.requires_grad and place.requires_grad):
        return None
    (gradient,) = torch.autograd.grad(loss, place, retain_graph=True, allow_unused=True)
    return None if gradient is None else gradient.float()
