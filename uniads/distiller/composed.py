"""A distiller that is a sum of terms, all of it in YAML."""

from collections.abc import Mapping
from typing import Any, final
from urllib.parse import quote

import torch
from torch import Tensor, nn

from uniads.distiller.balance import Balance
from uniads.distiller.base import Context, Distiller, say, task_loss
from uniads.distiller.node import Node
from uniads.distiller.term import Term
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge, read_batch, read_knowledge


@final
class Composed(Distiller):
    """The named terms of its nodes and modules. One of weight 0 is dropped: it has no adapter and no cost.

    Args:
        task: weight of the cross-entropy with the labels.
        until: where the distillation ends: a whole number of epochs, or a share of the schedule's, above 0 and written
            with a point. Epochs that begin later train on cross-entropy alone, with weight 1. None: nowhere. Source:
            early-stopped distillation, Cho and Hariharan, arXiv:1910.01348.
        balance: whether each term is multiplied by g_task / g_term, see ``Balance``, and all weights, that of the
            cross-entropy included, are divided by their sum. A weight then says how much a term moves the student
            beside the others, and the step does not grow with the number of terms.
        terms: nodes and modules by name; any name but ``task``, ``until`` and ``balance``.

    Raises:
        UserError: ``until`` is not above 0, or a share above 1, a term is none, all weights are 0, or
            two terms look at different second views.
    """

    def __init__(
        self, /, task: float = 1.0, until: float | None = None, balance: bool = False, **terms: object
    ) -> None:
        super().__init__(task)
        if until is not None and not (_is_number(until) and until > 0 and (isinstance(until, int) or until <= 1)):
            raise UserError(
                f"distiller.until must be a share of the epochs above 0 and at most 1.0, or a whole number of epochs "
                f"above 0, got {say(until)}"
            )
        self.until, self._over = until, False
        known = {name: _check_term(name, term, terms) for name, term in terms.items()}
        self._names = {_spell(name): name for name, term in known.items() if term.weight > 0}
        self.nodes = nn.ModuleDict({key: known[name] for key, name in self._names.items()})
        self._second_view = _find_second_view(self.terms())
        self.balance, self._total = None, 1.0
        total = self.task + sum(term.weight for term in self.terms().values())
        if total == 0:
            raise UserError(
                "distiller.task and the weights of all terms are 0, so there is nothing to learn; raise one of them"
            )
        if balance:
            self.balance = Balance(list(self._names.values()))
            self._total = total
            self.task /= total

    @property
    def needs_teacher(self) -> bool:
        return any(term.needs_teacher for term in self.terms().values())

    @property
    def needs_features(self) -> bool:
        return any(term.needs_features for term in self.terms().values())

    @property
    def dresses(self) -> bool:
        return any(isinstance(term, Term) and term.dresses for term in self.terms().values())

    @property
    def needs_batch(self) -> bool:
        return any(term.needs_batch for term in self.terms().values())

    @property
    def second_view(self) -> tuple[int, int] | None:
        return self._second_view

    @property
    def over(self) -> bool:
        return self._over

    @property
    def flops(self) -> int:
        return sum(term.flops for term in self.terms().values())

    @property
    def settled(self) -> bool:
        return self._over or self.balance is None or self.balance.settled

    @property
    def factors(self) -> dict[str, float]:
        if self.balance is None:
            return {}
        return dict(zip(self.balance.names, self.balance.factors().tolist(), strict=True))

    def formula(self) -> str:
        task = self.task * self._total
        loss = " + ".join([f"{task:g} * cross-entropy", *(term.formula() for term in self.terms().values())])
        if self.balance is not None:
            loss = f"({loss}) / {self._total:g}, each term in units of the cross-entropy's gradient"
        if self.until is None:
            return loss
        end = f"{self.until:g} of the epochs" if isinstance(self.until, float) else f"epoch {self.until}"
        return f"{loss}; after {end} cross-entropy alone"

    def dress(self, student: nn.Module, teacher: nn.Module | None, image: Tensor) -> nn.Module:
        for term in self.terms().values():
            if isinstance(term, Term):
                student = term.dress(student, teacher, image)
        return student

    def adapt(self, context: Any, teacher: Any = None) -> None:
        """Make the adapters and memories that this training needs. Called once, before it.

        Args:
            context: a ``Context`` of the training; or what the student said of some images, ``Knowledge`` or logits,
                by whose shapes most distillers adapt.
            teacher: what the teacher said of these images; not beside a ``Context``.

        Raises:
            UserError: the context lacks a field that the distiller needs, or does not fit it.
        """
        if not isinstance(context, Context):
            context = Context.between(context, teacher)
        elif teacher is not None:
            raise UserError("adapt takes a Context alone, or what student and teacher said; leave one out")
        for term in self.terms().values():
            if isinstance(term, Node):
                term.adapt(context.student_knowledge, context.taught, context)
            else:
                term.adapt(context)

    def set_epoch(self, epoch: int, epochs: int) -> None:
        if self.until is not None:
            self._over = epoch >= (self.until * epochs if isinstance(self.until, float) else self.until)
        for term in self.terms().values():
            term.set_epoch(epoch, epochs)

    def forward(self, student: Any, teacher: Any = None, batch: Any = None) -> dict[str, Tensor]:
        """The weighted terms by name, each a scalar in float32 or float64; the task loss is not among them.

        Args:
            student: ``Knowledge``, or logits alone, a tensor (images, classes), where no term looks at more.
            teacher: likewise; None where no term looks at it.
            batch: the images with labels and positions, see ``read_batch``; None where no term looks at them.

        Raises:
            UserError: something that a term looks at is missing, or is of other images.
        """
        own = read_knowledge(student, "student")
        if teacher is None and self.needs_teacher:
            raise UserError("this distiller compares with a teacher; give what it says of the same images")
        taught = own if teacher is None else read_knowledge(teacher, "teacher")
        given = None if batch is None else read_batch(batch)
        _check_images(own, taught, given)
        weighted = {name: term(own, taught, given) for name, term in self.terms().items()}
        if self.balance is not None:
            weighted = self._balance(self.balance, weighted, own, given)
        # After the balance, which would take a weight that has only begun to rise for a weak gradient.
        shares = {name: term.share for name, term in self.terms().items() if term.share < 1}
        return weighted | {name: weighted[name] * share for name, share in shares.items()}

    def _balance(
        self, balance: Balance, weighted: Mapping[str, Tensor], student: Knowledge, batch: Batch | None
    ) -> dict[str, Tensor]:
        """The terms in units of the cross-entropy's gradient, over the sum of all weights."""
        if not balance.settled and student.logits.requires_grad and torch.is_grad_enabled():
            if batch is None:
                raise UserError(
                    "a balanced distiller measures the cross-entropy with the labels, and there is no batch; call "
                    "distiller(student, teacher, batch)"
                )
            terms = {name: weighted[name] / term.weight for name, term in self.terms().items()}
            balance.measure(task_loss(student.logits, batch), terms, student)
        factors = balance.factors() / self._total
        return {name: value * factor for (name, value), factor in zip(weighted.items(), factors, strict=True)}

    def terms(self) -> dict[str, Node | Term]:
        """The nodes and modules by name."""
        named = ((self._names[key], term) for key, term in self.nodes.items())
        return {name: term for name, term in named if isinstance(term, Node | Term)}


def _check_images(student: Knowledge, teacher: Knowledge, batch: Batch | None) -> None:
    """Check that what is compared is of the same images, as far as their number says."""
    images = {"student": len(student.logits), "teacher": len(teacher.logits)}
    if batch is not None:
        images["batch"] = len(batch.label)
    parts = [x for known in (student, teacher) for x in (*known.features, known.embedding)]
    if len({*images.values(), *map(len, parts)}) > 1:
        got = ", ".join(f"{count} of the {whose}" for whose, count in images.items())
        raise UserError(f"student, teacher and batch must be of the same images in all their parts, got {got}")


def _find_second_view(terms: Mapping[str, Node | Term]) -> tuple[int, int] | None:
    """The second view of an image that terms look at; None where none does.

    Raises:
        UserError: they look at different ones.
    """
    wanted = {name: term.second_view for name, term in terms.items() if term.second_view is not None}
    if len(set(wanted.values())) > 1:
        raise UserError(
            f"all terms must look at the same second view of an image, got {', '.join(wanted)} with RandAugment of "
            f"{', '.join(str(list(view)) for view in wanted.values())}"
        )
    return next(iter(wanted.values()), None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_term(name: str, term: object, terms: Mapping[str, object]) -> Node | Term:
    """The term.

    Raises:
        UserError: it is a value, such as one that belongs to a node.
    """
    if isinstance(term, Node | Term):
        return term
    owners = [other for other, each in terms.items() if isinstance(each, Node | Term) and hasattr(each, name)]
    meant = f"; {name} is a key of {' and '.join(owners)}: distiller.{owners[0]}.{name}=..." if owners else ""
    raise UserError(f"distiller.{name} must be a node or a term, got {say(term)}{meant or '; remove it'}")


def _spell(name: str) -> str:
    """A name as torch takes it for a module: as it is, or spelled out where torch needs it, as ``keys`` or ``a.b``."""
    if name and "." not in name and name[0] != "=" and not hasattr(_EMPTY, name):
        return name
    return "=" + quote(name, safe="").replace(".", "%2E")


_EMPTY = nn.ModuleDict()
