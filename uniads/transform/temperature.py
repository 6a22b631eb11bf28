"""The temperature of the softmax inside some transforms."""

from math import inf

from uniads.error import UserError


def temperature(tau: float) -> float:
    """The temperature itself, where it is one.

    Args:
        tau: the divisor of what enters a softmax; finite, above 0. Above 1 it flattens, below 1 it sharpens.

    Raises:
        UserError: tau is not finite or not above 0.
    """
    if not 0 < tau < inf:
        raise UserError(f"tau must be finite and above 0, got {tau}; tau=1 leaves the softmax as it is")
    return tau
