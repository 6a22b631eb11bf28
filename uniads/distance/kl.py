"""Kullback-Leibler divergence of the student from the teacher."""

from collections.abc import Sequence

from torch import Tensor

from uniads.distance.base import Distance
from uniads.error import UserError

FLOOR = 1e-25
"""Probabilities below it count as this much, without gradient, so that log p and its gradient are finite."""


class KL(Distance):
    """D(s, t) = KL(p_t ‖ p_s) = Σ_c p_t · (log p_t − log p_s), summed over axis 1, mean over batch and positions.

    Raw values are logits: p = softmax(·) over axis 1. Where ``simplex`` names axes, the inputs are distributions over
    these already: p = · / Σ · over them, the sum runs over them and the mean over all others. Because of that
    division a common factor, such as the 1/τ of a node, has no effect on distributions.

    Source: knowledge distillation, arXiv:1503.02531; its τ² and weight belong to the caller.

    Args:
        simplex: the axes over which the inputs are distributions, each at least 0 and named once; None for logits.

    Raises:
        UserError: simplex is empty, names an axis twice or one that the inputs lack.

    Example:
        >>> from torch import tensor
        >>> KL()(tensor([[0.0, 0.0]]), tensor([[0.0, 1.0]])).round(decimals=3)
        tensor(0.1110)
    """

    def __init__(self, simplex: Sequence[int] | None = None) -> None:
        super().__init__()
        self.simplex = None if simplex is None else tuple(simplex)
        if self.simplex is not None and (not self.simplex or len(set(self.simplex)) < len(self.simplex)):
            raise UserError(f"simplex must name one or more different axes, got {self.simplex}; None means logits")

    def on(self, simplex: tuple[int, ...] | None) -> "KL":
        """This distance for distributions over the axes ``simplex``; None leaves it as it is."""
        return self if simplex is None else KL(simplex)

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        log_s, log_t = self._log_probability(student), self._log_probability(teacher)
        divergence = (log_t.exp() * (log_t - log_s)).sum(-1).mean()
        return divergence.clamp(min=0)  # of equal inputs, rounding may leave -1e-9

    def _log_probability(self, x: Tensor) -> Tensor:
        """Log p, with the axes of each distribution moved to the end and flattened into one."""
        axes = (1,) if self.simplex is None else self.simplex
        if not all(0 <= axis < x.ndim for axis in axes):
            raise UserError(f"simplex must name axes from 0 to {x.ndim - 1} of shape {tuple(x.shape)}, got {axes}")
        # The logarithm of a distribution is a set of logits, and log_softmax divides any factor out.
        logits = x if self.simplex is None else x.clamp(min=FLOOR).log()
        last = tuple(range(-len(axes), 0))
        return logits.movedim(axes, last).flatten(-len(axes)).log_softmax(-1)
