"""A weight that rises from 0 while a training begins."""

from uniads.error import UserError


def check_ramp(name: str, ramp: float) -> float:
    """The share of the epochs in which a weight rises.

    Args:
        name: its key, for the message.
        ramp: 0 to 1.

    Raises:
        UserError: it is none.
    """
    if not 0 <= ramp <= 1:
        raise UserError(f"{name} must be a share of the epochs from 0 to 1, got {ramp}; 0 is the full weight at once")
    return ramp


def rise(ramp: float, epoch: int, epochs: int) -> float:
    """min(1, epoch / (ramp · epochs)): 0 in the first epoch. A ramp of less than one epoch is none: 1.

    Args:
        ramp: share of the epochs, 0 to 1.
        epoch: which one begins, from 0.
        epochs: how many the whole schedule has.
    """
    length = ramp * epochs
    return min(1.0, epoch / length) if length >= 1 else 1.0
