"""The temperature of the softmax inside some transforms."""

from math import inf


def temperature(tau: float) -> float:
    """The temperature itself, where it is one.

    Args:
        tau: the divisor of what enters a softmax; finite, above 0. Above 1 it flattens, below 1 it sharpens.

    Raises:
        ValueError: tau is not finite or not above 0.
    """
    if not 0 < tau < inf:
        raise ValueError(f"tau must be finite and above 0, got {tau}; tau=1 leaves the softmax as it is")
    return tau
