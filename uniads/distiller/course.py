"""How a weight changes in the course of a training: it may rise at the start and fall towards the end."""

from dataclasses import dataclass
from math import cos, isfinite, pi

from uniads.distiller.base import say
from uniads.error import UserError


@dataclass(frozen=True)
class Course:
    """The share of its weight that a term has in each epoch.

    rise(e) = min((e + 1) / ramp, 1) and fall(e) = (1 + cos(π (e − decay) / (epochs − decay))) / 2 from epoch ``decay``
    on, in epochs e from 0; the share is their product, and above 0 in every epoch. Both lengths are a whole number of
    epochs, or a share of the schedule's, written with a point, which is squeezed with it.

    Sources: the rise is decoupled knowledge distillation's, arXiv:2203.08679; the fall WKD's, arXiv:2412.08139, whose
    code counts e from 1, so that the last epoch has no distillation at all.

    Args:
        ramp: over which the weight rises linearly; 0: it does not.
        decay: from which on it falls to 0; None: it does not.
        name: what a message calls a length, with {} for which of the two it is.

    Raises:
        UserError: a number is negative, not finite, or a share above 1.
    """

    ramp: float = 0
    decay: float | None = None
    name: str = "the {} of a term"

    def __post_init__(self) -> None:
        _check(self.name.format("ramp"), self.ramp, "0 is no ramp")
        if self.decay is not None:
            _check(self.name.format("decay"), self.decay, "null is no decay")

    def share(self, epoch: int, epochs: int) -> float:
        """The share in an epoch, from 0, of so many."""
        length = _in_epochs(self.ramp, epochs)
        rise = 1.0 if epoch + 1 >= length else (epoch + 1) / length
        start = epochs if self.decay is None else _in_epochs(self.decay, epochs)
        return rise if epoch <= start else rise * (1 + cos(pi * (epoch - start) / (epochs - start))) / 2

    def describe(self) -> str:
        """The course for a formula; empty where the weight is the same throughout."""
        parts = [f"rising for {_say_length(self.ramp)}"] if self.ramp else []
        parts += [] if self.decay is None else [f"falling after {_say_length(self.decay)}"]
        return f" ({', '.join(parts)})" if parts else ""


def _check(name: str, length: float, none: str) -> None:
    number = isinstance(length, int | float) and not isinstance(length, bool) and isfinite(length)
    if not number or length < 0 or (isinstance(length, float) and length > 1):
        raise UserError(
            f"{name} must be a share of the epochs from 0.0 to 1.0, or a whole number of epochs, got {say(length)}; "
            f"{none}"
        )


def _in_epochs(length: float, epochs: int) -> float:
    return length * epochs if isinstance(length, float) else length


def _say_length(length: float) -> str:
    return f"{length:g} of the epochs" if isinstance(length, float) else f"{length} epochs"
