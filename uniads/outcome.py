"""The plain numbers that a training returns."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

OUTCOME = "outcome.json"
"""The file that a training leaves its outcome in."""


@dataclass(frozen=True)
class Outcome:
    """What one training of one student measured. None where nothing was measured.

    Attributes:
        params: trainable scalars of the student; no adapter, no teacher. Of one that answers with its teacher's
            classifier the connector and that classifier are among them.
        epochs: epochs that the student has had in all; a fraction when the training was stopped early.
        flops: floating-point operations of the student's forward pass on one image.
        epoch_flops: floating-point operations of one epoch: forward and backward of the student and of a
            distiller's own networks, forward of the teacher.
        seconds: wall time of this call.
        train_loss: mean total loss of the last epoch.
        val_loss: cross-entropy on the validation split after the last epoch, in nats.
        val_acc1: top-1 accuracy on the validation split after the last epoch, 0 to 1.
        best_val_acc1: the highest ``val_acc1`` of all epochs validated.
        best_epoch: the epoch, from 1, that ``best_val_acc1`` belongs to.
        teacher_val_acc1: the teacher's top-1 accuracy on the validation split.
        test_acc1_last: top-1 accuracy of the last epoch's student on the test set.
        test_acc1_best: top-1 accuracy of the best validation epoch's student on the test set.
        factors: by what each balanced term of the distiller is multiplied; see ``Balance``.
        shares: of the student's gradient, that the cross-entropy, ``task``, and each term of the distiller had; a mean
            over epochs, see ``MeasureShares``.
        rejected: why the training was stopped as hopeless.
    """

    params: int
    epochs: float
    flops: float
    epoch_flops: float
    seconds: float
    train_loss: float | None = None
    val_loss: float | None = None
    val_acc1: float | None = None
    best_val_acc1: float | None = None
    best_epoch: int | None = None
    teacher_val_acc1: float | None = None
    test_acc1_last: float | None = None
    test_acc1_best: float | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    rejected: str | None = None

    def numbers(self) -> dict[str, float]:
        """The measured numbers by name; a factor's is ``factor/`` and its term's."""
        numbers = {name: value for name, value in asdict(self).items() if isinstance(value, int | float)}
        return numbers | {f"factor/{name}": value for name, value in self.factors.items()}
