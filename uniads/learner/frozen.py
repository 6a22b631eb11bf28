"""A teacher that nothing changes, in the form that answers fastest."""

from collections.abc import Callable
from copy import deepcopy
from functools import cached_property, partial
from logging import getLogger
from typing import Any

import torch
from torch import Tensor, nn

from uniads.knowledge import Batch, Knowledge, read_knowledge
from uniads.learner.compiling import GRAPHS, can_compile
from uniads.model.base import AUTO, lay_out, place

TeacherSource = Callable[[Batch, int], Knowledge]
"""The knowledge of a batch of the given epoch, from 0."""

log = getLogger(__name__)


class Frozen:
    """A network in eval mode, without gradients, outside of the learner's state.

    It is no submodule of what holds it, so it gets into no optimizer and no checkpoint, and ``train()`` does not reach
    it. A copy answers, made when it is first asked: frozen, in eval mode, in the faster memory layout, on the batches'
    device. The network itself stays as it is, bit for bit, where it is, in its mode, with its gradients. To fold batch
    norms into convolutions would gain one part in a hundred and change the answers' bits: that is the compiler's.

    Args:
        network: returns Knowledge, or logits alone; not changed.
        dtype: in which the copy computes; the answers are float32. bfloat16 changes the logits by about 1e-2 of the
            largest.
        compiled: how the copy is compiled for batches of the first one's size, ``DEFAULT`` or ``GRAPHS``; None: not at
            all. Batches of another size are answered uncompiled. Where the copy can't be compiled, a sentence is
            logged and all batches are answered uncompiled.
        memory_format: the copy's layout; see ``lay_out``.
    """

    def __init__(
        self,
        network: nn.Module,
        dtype: torch.dtype = torch.float32,
        compiled: str | None = None,
        memory_format: str = AUTO,
    ) -> None:
        self.network = network
        self.dtype, self.memory_format = dtype, memory_format
        self.compiled = compiled if compiled and can_compile() else None
        self._copy: nn.Module | None = None
        self._layout = torch.contiguous_format
        self._size = 0

    @torch.no_grad()
    def __call__(self, batch: Batch, epoch: int) -> Knowledge:
        """The network's knowledge of a batch, whatever the epoch.

        Raises:
            UserError: it says no knowledge.
        """
        if self._copy is None:
            self._copy = deepcopy(self.network).eval().requires_grad_(False).to(batch.image.device, self.dtype)
            self._layout = lay_out(self._copy, self.memory_format)
        copy = self._copy.to(batch.image.device)
        image = place(batch.image.to(self.dtype), self._layout)
        self._size = self._size or len(image)
        said = self._ask_compiled(image) if self.compiled and len(image) == self._size else copy(image)
        answer = read_knowledge(said, "teacher")
        # The next replay of a recorded graph overwrites this answer, so a copy of it is returned.
        full = partial(_in_full, copied=self.compiled == GRAPHS)
        return Knowledge(tuple(map(full, answer.features)), full(answer.embedding), full(answer.logits))

    @cached_property
    def _compilation(self) -> Callable[[Tensor], Knowledge]:
        assert self._copy is not None
        device = next(self._copy.parameters()).device.type
        # Frozen weights are laid out for oneDNN once instead of in every pass.
        options: dict[str, str | int | bool | Callable[..., Any]] = {
            "freezing": device == "cpu",
            "triton.cudagraphs": self.compiled == GRAPHS,
        }
        compiled: Callable[[Tensor], Knowledge] = torch.compile(self._copy, options=options)
        return compiled

    def _ask_compiled(self, image: Tensor) -> Knowledge:
        try:
            return self._compilation(image)
        except RuntimeError as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            log.warning("the teacher can't be compiled and is asked as it is: %s", reason)
            self.compiled = None
            assert self._copy is not None
            answer: Knowledge = self._copy(image)
            return answer


def _in_full(x: Tensor, copied: bool) -> Tensor:
    return x.to(x.dtype if x.dtype == torch.float64 else torch.float32, copy=copied)
