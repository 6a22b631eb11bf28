"""The scores of all classes but the image's own."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from uniads.transform.base import LabelTransform


class Rest(LabelTransform):
    """T(z) = (z_c)_{c ≠ y}: C − 1 scores, in their order.

    softmax(T(z) / τ) is the distribution over the classes, given that it is not the label's.

    Source: the non-target part of decoupled knowledge distillation, arXiv:2203.08679, whose code lowers z_y by
    1000 instead.

    Example:
        >>> from torch import tensor
        >>> Rest()(tensor([[5.0, 6.0, 7.0]]), tensor([1]))
        tensor([[5., 7.]])
    """

    def compare(self, x: Tensor, label: Tensor, tau: float) -> Tensor:
        del tau
        return drop_label(x, label)


def drop_label(x: Float[Tensor, "n c *rest"], label: Int[Tensor, " n"]) -> Float[Tensor, "n _ *rest"]:
    """Axis 1 of each image without the entry of its class, in the old order."""
    label = label.view(-1, *[1] * (x.ndim - 1))
    column = torch.arange(x.shape[1] - 1, device=x.device).view(1, -1, *[1] * (x.ndim - 2))
    return x.gather(1, (column + (column >= label)).expand(len(x), -1, *x.shape[2:]))
