"""A part of a teacher that a distiller carries along."""

from collections.abc import Callable
from copy import deepcopy
from typing import final

import torch
from torch import Tensor, nn


@final
class Still(nn.Module):
    """A copy of a module that nothing changes: in eval mode, without gradients, in no state and in no optimizer.

    The module itself stays as it is. The copy moves and converts with whatever holds it, and computes in its weights'
    dtype; its answer has the dtype of what it was asked.

    Args:
        module: takes and returns one tensor; it must not change its input.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        # In a list it is no submodule, so that neither state_dict() nor parameters() nor train() reaches it.
        self._held = [deepcopy(module).eval().requires_grad_(False)]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Still":
        self._held[0]._apply(fn, recurse)  # type: ignore[no-untyped-call]
        moved: Still = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return moved

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        weight = next(self._held[0].parameters(), x)
        answer: Tensor = self._held[0](x.to(weight.dtype))
        return answer.to(x.dtype)
