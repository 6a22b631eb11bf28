"""Knowledge distillation with the reused teacher classifier."""

from typing import ClassVar, final

from torch import Tensor, nn
from torch.nn import functional as F

from uniads.distiller.base import Context
from uniads.distiller.still import Still
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network, knowledge_of
from uniads.model.connected import Connected, pool_to
from uniads.model.head import head_of
from uniads.model.neck import neck_of


@final
class SimKD(Loss):
    """weight * MSE(m_s, P(m_t)), a mean over all elements.

    The student becomes a ``Connected`` one: its last feature map goes through a trained connector to m_s, and the
    teacher's classifier, copied and frozen, answers for the mean of m_s over its positions, in training, validation,
    test and ever after. m_t is the teacher's map whose mean is the teacher's embedding, the only one that its
    classifier fits; P average-pools it where it is larger than m_s, as the connected student pools its own last map
    where that is larger than m_t. There is no other loss: no cross-entropy (``task: 0``) and no KD. Connector and
    classifier count as the student's parameters and operations, and are exported with it; the teacher is not needed.

    The authors' code regresses a network's last tap and takes it for the map before the pooling. That is so for their
    teachers; of WRN, MobileNetV2 and ShuffleNetV2, whose taps are before a norm or a 1x1 convolution, the classifier
    would get something else, so m_t is what follows them. Of the student any map will do: it is the last tap, as there.

    Source: Chen et al., arXiv:2203.14001, equation 3, and its code.

    Args:
        weight: 0 or more; 0 leaves the student as it is.
        factor: the connector's reduction, at least 1.

    Raises:
        UserError: factor is below 1.
    """

    knowledge: ClassVar[str] = "last feature map"
    parts: ClassVar[tuple[str, ...]] = ("feature",)
    needs_batch: ClassVar[bool] = False
    dresses: ClassVar[bool] = True
    taps: ClassVar[tuple[int, ...]] = (-1,)

    def __init__(self, weight: float = 1.0, factor: int = 2) -> None:
        super().__init__(weight)
        if factor < 1:
            raise UserError(f"distiller.simkd.factor must be at least 1, got {factor}")
        self.factor = factor

    def formula(self) -> str:
        return f"{self.weight:g} * L2(c(features[-1]), map before the teacher's pooling)"

    def dress(self, student: nn.Module, teacher: nn.Module | None, image: Tensor) -> nn.Module:
        """The student with a connector, newly drawn, and a copy of the teacher's classifier.

        Raises:
            UserError: there is no teacher, its classifier is not linear or its embedding no mean of a map, or the
                student shows no feature map.
        """
        if teacher is None:
            raise UserError("SimKD takes over a teacher's classifier, and there is no teacher; give one")
        if not isinstance(student, Network) or isinstance(student, Connected):
            raise UserError(
                f"SimKD connects a uniads.model.base.Network that is not connected yet, got {type(student).__name__}; "
                "Tapped of uniads.model.taps makes one of any network"
            )
        own, known = knowledge_of(student, image), knowledge_of(teacher, image)
        head, target = head_of(teacher, known, "teacher"), Still(neck_of(teacher, image, "teacher"))(known.features[-1])
        if not own.features:
            raise UserError("SimKD connects the student's last feature map, and it shows none; name its taps")
        channels, (classes, width) = own.features[-1].shape[1], head.weight.shape
        dressed = Connected(student, channels, width, target.shape[2:], classes, head.bias is not None, self.factor)
        dressed.to(own.logits.device, own.logits.dtype)
        if not own.logits.is_meta:
            dressed.classifier.load_state_dict(head.state_dict())
        return dressed

    def prepare(self, context: Context) -> None:
        """Keep what makes the teacher's last feature map the one that its classifier fits.

        Raises:
            UserError: the student is not dressed, or the teacher's embedding is no mean of a map.
        """
        if not isinstance(context.student, Connected):
            raise UserError(
                "SimKD trains a student with its teacher's classifier; give "
                "distiller.dress(student, teacher, image) in the student's place, and train that"
            )
        teacher = context.require("teacher", context.teacher, "SimKD")
        batch = context.require("batch", context.batch, "SimKD")
        self.neck = Still(neck_of(teacher, batch.image, "teacher"))

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        own, target = student.features[-1], self.neck(teacher.features[-1])
        if own.shape[1] != target.shape[1]:
            raise UserError(
                f"SimKD compares maps of equally many channels, got {own.shape[1]} of the student and "
                f"{target.shape[1]} of the teacher; show it what the dressed student says"
            )
        target = pool_to(target, own.shape[2:])
        return F.mse_loss(pool_to(own, target.shape[2:]), target)
