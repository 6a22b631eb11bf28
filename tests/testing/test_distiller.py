"""``check_distiller`` accepts every option of the group, and names the promise that a broken distiller breaks."""

import copy
import inspect
from functools import cache

import pytest
import torch
from torch import Tensor

from uniads import build, options
from uniads.distiller.base import Context, Distiller
from uniads.distiller.composed import Composed
from uniads.distiller.term import Loss, Term
from uniads.knowledge import Batch, Knowledge
from uniads.testing import check_distiller, distiller


@cache
def fresh(option: str) -> Distiller:
    return build("distiller", option)


class Difference(Loss):
    """The squared difference of the logits."""

    def prepare(self, context: Context) -> None:
        pass

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        return (student.logits - teacher.logits).square().mean()


class Unreduced(Difference):
    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        return (student.logits - teacher.logits).square().mean(1)


class FailsAlone(Difference):
    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        return (student.logits.std(0) - teacher.logits.std(0)).square().mean()


class StaysHalf(Term):
    def prepare(self, context: Context) -> None:
        pass

    def weigh(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        return (student.logits - teacher.logits.detach()).square().mean()


class TrainsTheTeacher(StaysHalf):
    def weigh(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        return (student.logits - teacher.logits).float().square().mean()


class TeachesNobody(Difference):
    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        return student.logits.mean() * 0


class Forgets(Difference):
    """Counts its calls, and keeps the number out of its state."""

    calls = 0

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        self.calls += 1
        return super().compute(student, teacher, batch) * self.calls


class TwoLines(Difference):
    def formula(self) -> str:
        return "a\nb"


BROKEN: dict[type[Term], str] = {
    Unreduced: "scalar|shape",
    FailsAlone: "the term 'term' of Composed, for 1 images in torch.float32, must be finite",
    StaysHalf: "must be in float32 at least, got torch.bfloat16",
    TrainsTheTeacher: "the gradient of Composed must not reach the teacher",
    TeachesNobody: "the gradient of Composed must reach the student",
    Forgets: "must go on from its state as if it had not been interrupted",
    TwoLines: "the formula of Composed must be one line",
}


def test_a_term_that_keeps_its_promises_passes() -> None:
    check_distiller(lambda: Composed(term=Difference(weight=2.0)))


# What is balanced is measured on the graph of a student, which the contract's knowledge has not.
@pytest.mark.parametrize("option", [option for option in options("distiller") if option not in ("balanced", "modern")])
def test_every_option_keeps_its_promises(option: str) -> None:
    check_distiller(lambda: copy.deepcopy(fresh(option)))


@pytest.mark.filterwarnings("ignore:std\\(\\)")
@pytest.mark.parametrize(("make", "sentence"), BROKEN.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_term_is_told_which_promise_it_breaks(make: type[Term], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_distiller(lambda: Composed(term=make()))


def test_every_promise_of_the_module_is_checked() -> None:
    written = {
        name
        for name, thing in inspect.getmembers(distiller, inspect.isfunction)
        if [*inspect.signature(thing).parameters] == ["make"] and not name.startswith(("check_", "_"))
    }
    assert {promise.__name__ for promise in distiller.PROMISES} == written
    assert torch.is_grad_enabled()
