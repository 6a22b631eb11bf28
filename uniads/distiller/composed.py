"""A distiller that is a sum of terms, all of it in YAML."""

from typing import final

from torch import Tensor, nn

from uniads.distiller.base import Context, Distiller
from uniads.distiller.node import Node
from uniads.distiller.term import Term
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge


@final
class Composed(Distiller):
    """The named terms of its nodes and modules. One of weight 0 is dropped: it has no adapter and no cost.

    Args:
        task: weight of the cross-entropy with the labels.
        until: where the distillation ends: a whole number of epochs, or a share of the schedule's, above 0 and written
            with a point. Epochs that begin later train on cross-entropy alone, with weight 1. None: nowhere. Source:
            early-stopped distillation, Cho and Hariharan, arXiv:1910.01348.
        terms: nodes and modules by name.

    Raises:
        UserError: ``until`` is not above 0, or a share above 1.
    """

    def __init__(self, task: float = 1.0, until: float | None = None, **terms: Node | Term) -> None:
        super().__init__(task)
        if until is not None and (not until > 0 or (isinstance(until, float) and until > 1)):
            raise UserError(
                f"distiller.until must be a share of the epochs above 0 and at most 1.0, or a whole number of epochs "
                f"above 0, got {until}"
            )
        self.until, self._over = until, False
        self.nodes = nn.ModuleDict({name: term for name, term in terms.items() if term.weight > 0})

    @property
    def needs_teacher(self) -> bool:
        return any(term.needs_teacher for term in self.terms().values())

    @property
    def needs_features(self) -> bool:
        return any(term.needs_features for term in self.terms().values())

    @property
    def over(self) -> bool:
        return self._over

    @property
    def flops(self) -> int:
        return sum(term.flops for term in self.terms().values())

    def formula(self) -> str:
        loss = " + ".join([f"{self.task:g} * cross-entropy", *(term.formula() for term in self.terms().values())])
        if self.until is None:
            return loss
        end = f"{self.until:g} of the epochs" if isinstance(self.until, float) else f"epoch {self.until}"
        return f"{loss}; after {end} cross-entropy alone"

    def adapt(self, context: Context) -> None:
        for term in self.terms().values():
            if isinstance(term, Node):
                term.adapt(context.student_knowledge, context.taught)
            else:
                term.adapt(context)

    def set_epoch(self, epoch: int, epochs: int) -> None:
        if self.until is not None:
            self._over = epoch >= (self.until * epochs if isinstance(self.until, float) else self.until)
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
