"""A distiller that is a sum of nodes, all of it in YAML."""

from typing import final

from torch import Tensor, nn

from uniads.distiller.base import Distiller
from uniads.distiller.node import Node
from uniads.knowledge import Batch, Knowledge


@final
class Composed(Distiller):
    """The named terms of its nodes. A node of weight 0 is dropped: it has no term, no adapter and no cost.

    Args:
        task: weight of the cross-entropy with the labels.
        nodes: the terms by name.
    """

    def __init__(self, task: float = 1.0, **nodes: Node) -> None:
        super().__init__(task)
        self.nodes = nn.ModuleDict({name: node for name, node in nodes.items() if node.weight > 0})

    @property
    def needs_teacher(self) -> bool:
        return len(self.nodes) > 0

    @property
    def needs_features(self) -> bool:
        return any(node.source == "feature" for node in self._nodes().values())

    def formula(self) -> str:
        return " + ".join([f"{self.task:g} * cross-entropy", *(node.formula() for node in self._nodes().values())])

    def adapt(self, student: Knowledge, teacher: Knowledge) -> None:
        for node in self._nodes().values():
            node.adapt(student, teacher)

    def forward(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> dict[str, Tensor]:
        return {name: node(student, teacher) for name, node in self._nodes().items()}

    def _nodes(self) -> dict[str, Node]:
        return {name: node for name, node in self.nodes.items() if isinstance(node, Node)}
