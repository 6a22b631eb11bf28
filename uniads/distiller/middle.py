"""One node at every feature map but the stem's."""

from collections.abc import Callable
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from uniads.distiller.base import Context
from uniads.distiller.node import Node
from uniads.distiller.term import Term
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge


@final
class Middle(Term):
    """Σ_i node(f_i) over the taps i = 1, 2, ...: map i of the student with map i of the teacher.

    Where one network has more taps, those at its end have no partner and are not used, as in RepDistiller.

    Args:
        node: makes the node of a tap, such as ``functools.partial(Node, "feature", L2(), {})``.
    """

    knowledge: ClassVar[str] = "feature maps f1, f2, ..."
    needs_batch: ClassVar[bool] = False

    def __init__(self, node: Callable[..., Node]) -> None:
        first = node()
        super().__init__(first.weight, first.course)
        self._node = node
        self.nodes = nn.ModuleList()

    def formula(self) -> str:
        return self._node().formula().replace("features[-1]", "features[1]") + " + likewise for features[2], ..."

    def prepare(self, context: Context) -> None:
        """Make a node for each pair of taps.

        Raises:
            UserError: a network has no tap beside the stem's.
        """
        student, teacher = context.student_knowledge, context.taught
        taps = min(len(student.features), len(teacher.features))
        if taps < 2:
            raise UserError(
                f"there is no feature map beside the stem's: the student has {len(student.features)} and the teacher "
                f"{len(teacher.features)}; name more taps, or choose a distiller that compares embeddings or logits"
            )
        self.nodes = nn.ModuleList([self._node(tap=tap) for tap in range(1, taps)])
        for node in self.nodes:
            assert isinstance(node, Node)
            node.adapt(student, teacher, context)

    def weigh(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        return torch.stack([node(student, teacher, batch) for node in self.nodes]).sum()
