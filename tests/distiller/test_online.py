"""ONE and DML: values and gradients against their formulas, bounds, and what is trained beside the student."""

from math import exp

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.distiller.contexts import context_of
from tests.model.nets import Plain
from uniads import build
from uniads.distiller.composed import Composed
from uniads.distiller.context import knowledge_of
from uniads.distiller.dml import DML
from uniads.distiller.one import ONE
from uniads.distiller.term import Term
from uniads.knowledge import Batch
from uniads.model.base import Network
from uniads.model.flops import forward_flops
from uniads.model.taps import Tapped

SHAPE = {"num_classes": 5, "in_channels": 1}


def batch(n: int = 6) -> Batch:
    image = torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    return Batch(image, torch.arange(n) % 5, torch.arange(n))


def network(name: str = "resnet8") -> Network:
    made: Network = build("model", name, **SHAPE)
    return made


def ready(term: Term, name: str = "resnet8") -> tuple[Network, Term]:
    """A student and a term that is made for it."""
    torch.manual_seed(0)
    student = network(name)
    known = knowledge_of(student, batch(2).image)
    term.adapt(context_of(known, None, student=student, batch=batch(2), build=lambda: network(name)))
    return student, term


def precise(term: Term) -> tuple[Network, Term, Batch]:
    student, term = ready(term)
    images = batch()
    return student.double(), term.double(), images._replace(image=images.image.double())


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p / q).log()).sum(1).mean()


def gradients(value: Tensor, *modules: nn.Module) -> list[Tensor]:
    parameters = [parameter for module in modules for parameter in module.parameters()]
    found = torch.autograd.grad(value, parameters, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]


def same(one: list[Tensor], other: list[Tensor]) -> None:
    assert len(one) == len(other) > 0
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("peers", [1, 2])
def test_dml_is_its_formula(peers: int) -> None:
    student, term, images = precise(DML(weight=0.7, peers=peers))
    everyone = [student, *term.peers]
    z = [one(images.image).logits for one in everyone]
    p = [logits.softmax(1) for logits in z]
    wanted = torch.zeros((), dtype=torch.float64)
    for i in range(len(z)):
        if i:
            wanted = wanted - z[i].log_softmax(1)[range(6), images.label].mean()
        for j in range(len(z)):
            if i != j:
                wanted = wanted + 0.7 / peers * kl(p[j].detach(), p[i])
    known = student(images.image)
    value = term(known, known, images)
    assert value.item() == pytest.approx(wanted.item(), rel=1e-9)
    same(gradients(value, *everyone), gradients(wanted, *everyone))


def test_peers_that_agree_with_the_student_leave_their_cross_entropy() -> None:
    student, term = ready(DML())
    term.peers[0].load_state_dict(student.state_dict())
    known = student(batch().image)
    assert term(known, known, batch()).item() == pytest.approx(F.cross_entropy(known.logits, batch().label).item())


def test_one_is_its_formula() -> None:
    student, term, images = precise(ONE(weight=0.7, branches=3, tau=2.0, ramp=0.5))
    term.set_epoch(1, 8)
    known = student(images.image)
    value = term(known, known, images)
    before = known.features[2]
    z = [known.logits, *(branch(before) for branch in term.branches)]
    x = before.mean((2, 3)) @ term.gate.weight.T + term.gate.bias
    x = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt() * term.norm.weight + term.norm.bias
    shares = x.clamp(min=0).softmax(1)
    ensemble = sum(shares[:, [k]] * z[k] for k in range(3))
    wanted = sum(-logits.log_softmax(1)[range(6), images.label].mean() for logits in (z[1], z[2], ensemble))
    rise = exp(-5 * (1 - 1 / 4) ** 2)
    wanted = wanted + 0.7 * rise * 4 * sum(kl((ensemble.detach() / 2).softmax(1), (one / 2).softmax(1)) for one in z)
    assert value.item() == pytest.approx(wanted.item(), rel=1e-9)
    same(gradients(value, student, term), gradients(wanted, student, term))


@pytest.mark.parametrize(
    ("epoch", "epochs", "rise"), [(0, 300, exp(-5)), (40, 300, exp(-5 / 4)), (80, 300, 1.0), (299, 300, 1.0)]
)
def test_the_ramp_is_the_codes_80_of_300_epochs(epoch: int, epochs: int, rise: float) -> None:
    term = ONE()
    term.set_epoch(epoch, epochs)
    assert term.rise == pytest.approx(rise)


def test_branches_that_agree_with_the_student_leave_twice_its_cross_entropy() -> None:
    student, term = ready(ONE(branches=2))
    term.branches[0].load_state_dict(student.tail().state_dict())
    known = student(batch().image)
    wanted = 2 * F.cross_entropy(known.logits, batch().label).item()
    assert term(known, known, batch()).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("term", [ONE(), DML()], ids=["one", "dml"])
@pytest.mark.parametrize("images", [1, 3])
def test_small_batches_and_autocast_are_finite(term: Term, images: int) -> None:
    student, term = ready(type(term)())
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            known = student(batch(images).image)
            value = term(known, known, batch(images))
        assert value.dtype == torch.float32
        assert value.isfinite()
        assert all(bool(gradient.isfinite().all()) for gradient in gradients(value, student, term))


@pytest.mark.parametrize("kind", [ONE, DML])
def test_all_beside_the_student_trains_and_nothing_of_it_is_the_students(kind: type[Term]) -> None:
    student, term = ready(kind())
    known = student(batch().image)
    assert all(bool(gradient.any()) for gradient in gradients(term(known, known, batch()), term))
    mine = {id(parameter) for parameter in student.parameters()}
    assert not mine & {id(parameter) for parameter in term.parameters()}


def test_peers_and_branches_start_from_other_weights() -> None:
    student, term = ready(DML(peers=2))
    weights = [one.conv1.weight for one in (student, *term.peers)]
    assert len({weight.sum().item() for weight in weights}) == 3


def test_their_forward_passes_are_counted() -> None:
    image = torch.zeros(1, 1, 8, 8)
    student, dml = ready(DML(peers=2))
    assert dml.flops == 2 * forward_flops(student, image)
    student, one = ready(ONE(branches=3))
    before = student.eval()(image).features[-2]
    assert one.flops == 2 * forward_flops(student.tail(), before) > 0
    assert Composed(one=one).flops == one.flops


@pytest.mark.parametrize("name", ["one", "dml"])
def test_no_teacher_is_needed_unless_another_term_needs_one(name: str) -> None:
    distiller = build("distiller", name)
    assert not distiller.needs_teacher
    assert not distiller.needs_features
    assert Composed(kd=build("distiller", "kd").nodes["logits"], own=distiller.nodes[name]).needs_teacher


def test_a_traced_network_has_no_branches_and_says_so() -> None:
    def traced() -> Network:
        return Tapped(Plain(), image_size=32, num_classes=4, in_channels=1)

    student = traced()
    known = knowledge_of(student, torch.zeros(2, 1, 32, 32))
    with pytest.raises(ValueError, match="Tapped can't be split before its last stage; choose a network of the zoo"):
        ONE().adapt(context_of(known, None, student=student, build=traced))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: ONE(branches=1), r"distiller\.one\.branches must be at least 2, .* got 1"),
        (lambda: ONE(tau=0.0), r"distiller\.one\.tau must be above 0, got 0"),
        (lambda: ONE(ramp=1.5), r"distiller\.one\.ramp must be a share .* got 1\.5"),
        (lambda: DML(peers=0), r"distiller\.dml\.peers must be at least 1, got 0"),
        (lambda: DML(weight=-1.0), "0 or more and finite, got -1"),
    ],
)
def test_values_that_are_none_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()
