"""How much each image of a batch counts in a node, by what the teacher says of it."""

from torch import Tensor

from uniads.error import UserError

ONE = "one"
"""The sample weight of a node whose images all count the same."""
DISAGREEMENT = "disagreement"
"""That of a node whose regions are compared with their whole image."""
SAMPLE_WEIGHTS = (ONE, "power_sum", "confidence", DISAGREEMENT)


def check_sample_weight(name: str, kind: str) -> str:
    """The kind of weight.

    Raises:
        UserError: there is no such kind.
    """
    if kind not in SAMPLE_WEIGHTS:
        raise UserError(f"{name} must be one of {', '.join(SAMPLE_WEIGHTS)}, got {kind!r}")
    return kind


def weigh_samples(
    kind: str, logits: Tensor, tau: float, label: Tensor | None = None, images: int | None = None
) -> Tensor:
    """One weight a row of logits, of shape (n,); the rows are images, or all images of each region in turn.

    ``power_sum``: Σ_c p_c^(1/τ), from 1 for a certain teacher to C^(1 − 1/τ) for one that knows nothing; hard images
    count more. Source: weighted transformed teacher matching, arXiv:2402.11148. ``confidence``: max_c p_c, from
    1/C to 1; images of which the teacher is sure count more. p = softmax(z) of the teacher, at temperature 1.
    ``disagreement``: 2 for a region of which the teacher is right where it is wrong about the whole image, or the
    reverse, else 1. Source: scale decoupled distillation, arXiv:2403.13512.

    Args:
        kind: one of them.
        logits: z, of shape (n, C).
        tau: the teacher's temperature, 1 or more for the bounds given above.
        label: the class of each row; ``disagreement`` alone needs it.
        images: the number of images, whose first region is the whole of each; None: as many as rows.
    """
    if kind == DISAGREEMENT:
        if label is None:
            raise UserError("sample_weight=disagreement looks at the labels, and there is no batch")
        right = logits.argmax(1) == label
        whole = right[: images or len(right)]
        return 1 + (right != whole.repeat(len(right) // len(whole))).to(logits.dtype)
    logs = logits.log_softmax(1)
    return (logs / tau).exp().sum(1) if kind == "power_sum" else logs.exp().amax(1)
