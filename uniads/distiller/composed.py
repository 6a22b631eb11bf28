"""A distiller that is a sum of terms, all of it in YAML."""

from typing import final

from torch import Tensor, nn

from uniads.distiller.base import Context, Distiller
from uniads.distiller.node import Node
from uniads.distiller.term import Term
from uniads.knowledge import Batch, Knowledge


@final
class Composed(Distiller):
    """The named terms of its nodes and modules. One of weight 0 is dropped: it has no adapter and no cost.

    Args:
        task: weight of the cross-entropy with the labels.
        terms: nodes and modules by name.
    """

    def __init__(self, task: float = 1.0, **terms: Node | Term) -> None:
        super().__init__(task)
        self.nodes = nn.ModuleDict({name: term for name, term in terms.items() if term.weight > 0})

    @property
    def needs_teacher(self) -> bool:
        return len(self.nodes) > 0

    @property
    def needs_features(self) -> bool:
        return any(term.needs_features for term in self.terms().values())

    def formula(self) -> str:
        return " + ".join([f"{self.task:g} * cross-entropy", *(term.formula() for term in self.terms().values())])

    def adapt(self, context: Context) -> None:
        for term in self.terms().values():
            if isinstance(term, Node):
                term.adapt(context.student_knowledge, context.taught)
            else:
                term.adapt(context)

    def set_epoch(self, epoch: int, epochs: int) -> None:
        for term in self.terms().values():
            if isinstance(term, Term):
                term.set_epoch(epoch, epochs)

    def forward(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> dict[str, Tensor]:
        return {
            name: term(student, teacher) if isinstance(term, Node) else term(student, teacher, batch)
            for name, term in self.terms().items()
        }

    def terms(self) -> dict[str, Node | Term]:
        """The nodes and modules by name."""
        return {name: term for name, term in self.nodes.items() if isinstance(term, Node | Term)}
