"""What several distillers of logits do with the label's class."""

from torch import Tensor
from torch.nn import functional as F

from uniads.distiller.base import Context
from uniads.error import UserError


def check_classes(context: Context, who: str) -> None:
    """Check that student and teacher tell the same classes apart.

    Args:
        context: of the training.
        who: compares their logits.

    Raises:
        UserError: they have unequal numbers of classes, or fewer than two, or there is no teacher.
    """
    own, taught = (known.logits.shape[1] for known in (context.student_knowledge, context.taught))
    if own != taught or own < 2:
        raise UserError(
            f"{who} compares student and teacher class by class, which takes equally many classes on both sides, at "
            f"least 2, got {own} of the student and {taught} of the teacher; train both on the same classes"
        )


def teach_label(student: Tensor, teacher: Tensor, label: Tensor) -> Tensor:
    """−p_t[n, y] log p_s[n, y], a mean over the n images, with p the softmax of the logits at temperature 1.

    Args:
        student: logits, (n, k).
        teacher: likewise.
        label: y of each image, (n).
    """
    sure = teacher.softmax(1).gather(1, label[:, None])[:, 0]
    return (sure * F.cross_entropy(student, label, reduction="none")).mean()
