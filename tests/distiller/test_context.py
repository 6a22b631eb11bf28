"""A distiller used from Python: a context out of two networks, and sentences for what is missing."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from uniads import build
from uniads.distiller.base import Context, Distiller
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network

ADAPTED = ("fitnet", "at", "crd", "srrl", "semckd", "cc", "dml", "one", "nkd", "rld", "ctkd", "wkd_l", "ofa", "review",
           "nst", "wkd_f", "vkd", "cat_kd", "sdd_kd", "sdd_dkd", "simkd", "ickd", "mlkd")  # fmt: skip
"""Distillers with a module of their own, even for equal shapes."""
ALONE = ("kd", "sp", "rkd", "dist", "dist_imagenet", "eskd", "searched", "balanced", "plain", "kd_ls",
         "dkd", "dkd_ls", "ttm", "wttm", "pkt", "modern")  # fmt: skip
"""Distillers of nodes that need no adapter where the shapes agree."""


def networks() -> tuple[Network, Network]:
    torch.manual_seed(0)
    student, teacher = (build("model", "resnet8", num_classes=10, in_channels=1) for _ in range(2))
    return student, teacher.eval()


def images(n: int = 4) -> Tensor:
    return torch.randn(n, 1, 16, 16, generator=torch.Generator().manual_seed(1))


def batch(n: int = 4) -> Batch:
    return Batch(images(n), torch.arange(n), torch.arange(n))


def whole(student: Network, teacher: Network | None) -> Context:
    label = torch.arange(20) % 10
    return Context.of(student, teacher, images(2), label=label, batch_size=4, build=lambda: networks()[0])


def test_every_distiller_is_in_one_of_the_two_lists() -> None:
    from uniads import options

    assert set(options("distiller")) == {*ADAPTED, *ALONE}


def test_a_context_of_two_networks_holds_what_they_say_of_the_images() -> None:
    student, teacher = networks()
    context = Context.of(student, teacher, images(2))
    assert context.student is student
    assert context.teacher is teacher
    assert torch.equal(context.taught.logits, teacher(images(2)).logits)
    assert torch.equal(context.student_knowledge.logits, student.eval()(images(2)).logits)
    assert not context.student_knowledge.logits.requires_grad
    assert (context.index_size, context.batch_size, context.build, context.label) == (None,) * 4


def test_a_context_changes_neither_network_nor_mode() -> None:
    student, teacher = networks()
    student.train()
    student.bn1.eval()  # as who freezes a part of a network does
    before = copy.deepcopy(student.state_dict())
    Context.of(student, teacher, images(2))
    assert student.training
    assert not student.bn1.training
    assert not teacher.training
    assert all(torch.equal(value, before[key]) for key, value in student.state_dict().items())


def test_labels_say_how_many_images_there_are() -> None:
    student, teacher = networks()
    assert Context.of(student, teacher, images(2), label=torch.arange(20)).index_size == 20
    assert Context.of(student, teacher, images(2), label=torch.arange(20), index_size=30).index_size == 30


def test_a_network_that_gives_logits_alone_is_refused_with_what_to_do() -> None:
    student, _ = networks()
    plain = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    with pytest.raises(UserError, match=r"Sequential returns Tensor, not Knowledge; let Tapped"):
        Context.of(student, plain, images(2))


@pytest.mark.parametrize("name", [*ADAPTED, *ALONE])
def test_every_distiller_works_in_a_loop_of_ones_own(name: str) -> None:
    student, teacher = networks()
    distiller: Distiller = build("distiller", name)
    student = distiller.dress(student, teacher, images(2))
    distiller.adapt(whole(student, teacher))
    terms = distiller(student.train()(images()), teacher(images()), batch())
    loss = torch.stack([*terms.values()]).sum() if terms else student(images()).logits.sum()
    assert loss.isfinite()
    loss.backward()
    assert any(parameter.grad is not None for parameter in student.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize("name", ALONE)
def test_a_loss_that_needs_no_adapter_works_without_adapt(name: str) -> None:
    student, teacher = networks()
    distiller: Distiller = build("distiller", name)
    known = student.eval()(images()), teacher(images()), batch()
    alone = distiller(*known)
    adapted: Distiller = build("distiller", name)
    adapted.adapt(whole(student, teacher))
    expected = adapted(*known)
    assert alone.keys() == expected.keys()
    assert all(torch.equal(alone[term], expected[term]) for term in alone)


@pytest.mark.parametrize("name", ADAPTED)
def test_a_distiller_with_modules_of_its_own_asks_for_adapt_first(name: str) -> None:
    student, teacher = networks()
    distiller: Distiller = build("distiller", name)
    with pytest.raises(UserError, match=r"call adapt\(\.\.\.\) of the distiller first, with Context\.of"):
        distiller(student(images()), teacher(images()), batch())


def test_knowledge_of_other_shapes_asks_for_adapt_first() -> None:
    student, _ = networks()
    wide = build("model", "resnet8", width=2, num_classes=10, in_channels=1).eval()
    with pytest.raises(UserError, match=r"shape \(4, 64, 4, 4\) and \(4, 128, 4, 4\).* call adapt"):
        build("distiller", "searched")(student(images()), wide(images()), batch())


@pytest.mark.parametrize(
    ("name", "missing", "who"),
    [
        ("crd", "index_size", "CRD"),
        ("semckd", "batch_size", "SemCKD"),
        ("dml", "build", "DML"),
        ("dml", "batch", "DML"),
        ("one", "build", "ONE"),
        ("srrl", "teacher", "SRRL"),
        ("wkd_l", "teacher", "WKD-L"),
    ],
)
def test_a_distiller_says_which_field_of_the_context_it_misses(name: str, missing: str, who: str) -> None:
    context = replace(whole(*networks()), **{missing: None})
    distiller: Distiller = build("distiller", name)
    with pytest.raises(UserError, match=rf"{who} needs the context's {missing}, which is not given; give it: "):
        distiller.adapt(context)


def test_a_context_without_a_teacher_says_so() -> None:
    student, _ = networks()
    with pytest.raises(UserError, match="this distiller needs a teacher"):
        build("distiller", "kd").adapt(Context.of(student, None, images(2)))


def test_knowledge_alone_makes_a_context() -> None:
    known = Knowledge((torch.zeros(2, 4, 8, 8), torch.zeros(2, 8, 4, 4)), torch.zeros(2, 8), torch.zeros(2, 10))
    distiller: Distiller = build("distiller", "cc")
    distiller.adapt(Context(nn.Identity(), None, known, known))
    assert distiller(known, known, batch(2))["cc"].isfinite()
