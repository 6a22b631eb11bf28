"""The running average of a student."""

from collections.abc import Sequence
from typing import Any, final

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


@final
class Average(AveragedModel):
    """θ̄ = d θ̄ + (1 - d) θ after each step, of the weights and of batch norm's statistics alike.

    d = min(decay, (1 + n) / (10 + n)) after n steps, so that the average follows a young student: without that a
    training that stops early would be judged by weights near its first ones. The weights after the first step are
    taken as they are, and counters their newest value, rounded.

    Sources: Polyak and Juditsky, doi:10.1137/0330046; the decay of the first steps is TensorFlow's
    ``ExponentialMovingAverage`` with ``num_updates``. Done by torch's ``AveragedModel``.

    Args:
        student: the network that is trained; copied.
        decay: above 0, below 1.
    """

    def __init__(self, student: nn.Module, decay: float) -> None:
        super().__init__(student, multi_avg_fn=self._move, use_buffers=True)
        self.requires_grad_(requires_grad=False)
        self.decay = self._now = decay

    def update(self, student: nn.Module, steps: int) -> None:
        """Follow the student after a step.

        Args:
            student: the network that is trained.
            steps: done so far, this one included.
        """
        self._now = min(self.decay, (1 + steps) / (10 + steps))
        self.update_parameters(student)

    def _move(self, average: Sequence[Tensor], student: Sequence[Tensor], count: Any) -> None:
        get_ema_multi_avg_fn(self._now)(average, student, count)  # type: ignore[no-untyped-call]
