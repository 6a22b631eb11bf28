"""How much each image of a batch counts in a node, by what the teacher says of it."""

from torch import Tensor

from uniads.error import UserError

SAMPLE_WEIGHTS = ("one", "power_sum", "confidence")


def check_sample_weight(name: str, kind: str) -> str:
    """The kind of weight.

    Raises:
        UserError: there is no such kind.
    """
    if kind not in SAMPLE_WEIGHTS:
        raise UserError(f"{name} must be one of {', '.join(SAMPLE_WEIGHTS)}, got {kind!r}")
    return kind


def weigh_samples(kind: str, logits: Tensor, tau: float) -> Tensor:
    """One weight an image, of shape (n,).

    ``power_sum``: Σ_c p_c^(1/τ), from 1 for a certain teacher to C^(1 − 1/τ) for one that knows nothing; hard images
    count more. Source: weighted transformed teacher matching, arXiv:2402.11148. ``confidence``: max_c p_c, from
    1/C to 1; images of which the teacher is sure count more. p = softmax(z) of the teacher, at temperature 1.

    Args:
        kind: ``power_sum`` or ``confidence``.
        logits: z, of shape (n, C).
        tau: the teacher's temperature, 1 or more for the bounds given above.
    """
    logs = logits.log_softmax(1)
    return (logs / tau).exp().sum(1) if kind == "power_sum" else logs.exp().amax(1)
