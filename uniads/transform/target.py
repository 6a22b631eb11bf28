"""The image's own class against all others."""

import torch
from torch import Tensor

from uniads.transform.base import LabelTransform
from uniads.transform.rest import drop_label


class Target(LabelTransform):
    """T(z) = [z_y, τ · log Σ_{c ≠ y} exp(z_c / τ)]: two scores, with softmax(T(z) / τ) = [p_y, 1 − p_y].

    Here p = softmax(z / τ), and τ is the temperature of the node. The second score is a soft maximum of the others.

    Source: the target part of decoupled knowledge distillation, arXiv:2203.08679.

    Example:
        >>> from torch import tensor
        >>> Target()(tensor([[0.0, 0.0, 2.0]]), tensor([2])).softmax(1).round(decimals=3)
        tensor([[0.7870, 0.2130]])
    """

    def compare(self, x: Tensor, label: Tensor, tau: float) -> Tensor:
        own = x.gather(1, label.view(-1, *[1] * (x.ndim - 1)).expand(-1, 1, *x.shape[2:]))
        others = tau * (drop_label(x, label) / tau).logsumexp(1, keepdim=True)
        return torch.cat([own, others], 1)
