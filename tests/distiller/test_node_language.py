"""What a node can say beside its transforms: two temperatures, weights of images, a weight that changes, labels."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.distiller.test_formula import STUDENT, TEACHER, batch, knowledge
from uniads import build, options
from uniads.distance.base import Distance
from uniads.distance.correlation import Correlation
from uniads.distance.kl import KL
from uniads.distance.l2 import L2
from uniads.distiller.composed import Composed
from uniads.distiller.course import Course
from uniads.distiller.node import Node
from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.transform.mm import MM
from uniads.transform.rest import Rest
from uniads.transform.softmax_c import SoftmaxC
from uniads.transform.standardise import Standardise
from uniads.transform.target import Target

LABEL = torch.tensor([2, 0, 3])


def scores(*more: int) -> Tensor:
    return torch.randn(3, 4, *more, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_target_and_rest_make_up_the_distribution() -> None:
    z, tau = scores(), 3.0
    p = (z / tau).softmax(1)
    target, rest = (Target()(z, LABEL, tau) / tau).softmax(1), (Rest()(z, LABEL, tau) / tau).softmax(1)
    for n, y in enumerate(LABEL.tolist()):
        assert target[n].tolist() == pytest.approx([float(p[n, y]), 1 - float(p[n, y])], abs=1e-12)
        others = [float(p[n, c]) for c in range(4) if c != y]
        assert rest[n].tolist() == pytest.approx([q / sum(others) for q in others], abs=1e-12)


@pytest.mark.parametrize("view", [Target(), Rest()])
def test_a_map_of_scores_is_seen_position_by_position(view: Target | Rest) -> None:
    z = scores(2, 2)
    found = view(z, LABEL, 2.0)
    for i, j in ((0, 0), (1, 0), (1, 1)):
        assert torch.equal(found[:, :, i, j], view(z[:, :, i, j], LABEL, 2.0))


@pytest.mark.parametrize(
    ("label", "z", "says"),
    [
        (None, scores(), "looks at the class of each image, which is not given"),
        (LABEL[:2], scores(), "one class for each image"),
        (LABEL, scores()[:, :1], "scores of two classes or more"),
    ],
)
def test_labels_that_do_not_fit_are_refused(label: Tensor | None, z: Tensor, says: str) -> None:
    with pytest.raises(UserError, match=says):
        Rest()(z, label)


@pytest.mark.parametrize(
    ("source", "steps"), [("embedding", [Rest()]), ("logits", [MM(), Target()]), ("logits", [SoftmaxC(), Rest()])]
)
def test_labels_need_scores_of_classes(source: str, steps: list[Any]) -> None:
    with pytest.raises(UserError, match=r"can't come .*: it looks for the score of the label"):
        Node(source, KL(), {str(i): step for i, step in enumerate(steps)})


def test_a_node_that_looks_at_labels_needs_a_batch() -> None:
    known = knowledge(0, STUDENT)
    with pytest.raises(UserError, match="looks at the labels, and there is no batch"):
        Node("logits", KL(), {"first": Rest()})(known, known)


def test_the_teacher_may_have_a_temperature_of_its_own() -> None:
    s, t = knowledge(0, STUDENT), knowledge(1, STUDENT)
    found = Node("logits", KL(), {}, weight=3, tau=2, tau_teacher=5)(s, t)
    p, q = (s.logits / 2).softmax(1), (t.logits / 5).softmax(1)
    torch.testing.assert_close(found, 3 * 4 * (q * (q / p).log()).sum(1).mean(), rtol=1e-12, atol=0)
    assert Node("logits", KL(), {}, tau=2, tau_teacher=2).formula() == Node("logits", KL(), {}, tau=2).formula()


SEPARABLE = [name for name in options("distance") if name != "correlation"]


@pytest.mark.parametrize("name", SEPARABLE)
def test_the_mean_over_images_is_the_distance_of_the_batch(name: str) -> None:
    distance: Distance = build("distance", name)
    s, t = scores(2).abs(), scores(2).flip(0).abs()
    each = distance.each(s, t)
    assert each.shape == (3,)
    torch.testing.assert_close(each.mean(), distance(s, t), rtol=1e-12, atol=1e-12)
    for n in range(3):
        torch.testing.assert_close(each[n], distance(s[n : n + 1], t[n : n + 1]), rtol=1e-12, atol=1e-12)


def test_correlations_over_the_batch_can_not_be_weighted() -> None:
    with pytest.raises(UserError, match="Correlation compares the images of a batch, so that the logits node can't"):
        Node("logits", Correlation(), {}, sample_weight="confidence")
    with pytest.raises(UserError, match="Correlation compares the images of a batch"):
        Correlation().each(scores(), scores())


@pytest.mark.parametrize("kind", ["power_sum", "confidence"])
def test_images_count_by_what_the_teacher_says(kind: str) -> None:
    s, t = knowledge(0, STUDENT), knowledge(1, STUDENT)
    found = Node("embedding", L2(), {}, tau_teacher=4, sample_weight=kind)(s, t)
    p = t.logits.softmax(1)
    weights = (p**0.25).sum(1) if kind == "power_sum" else p.max(1).values
    each = ((s.embedding - t.embedding / 4) ** 2).mean(1)
    torch.testing.assert_close(found, (weights * each).mean(), rtol=1e-12, atol=0)


def test_a_weight_rises_and_falls() -> None:
    rising, falling = Course(ramp=4), Course(decay=0.5)
    assert [rising.share(e, 10) for e in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    shares = [falling.share(e, 10) for e in range(10)]
    assert shares[:6] == [1] * 6
    assert shares[5:] == sorted(shares[5:], reverse=True)
    assert shares[7] == pytest.approx(0.5 + 0.5 * 0.30901699, abs=1e-6)
    assert all(0 < Course(ramp, decay).share(e, epochs) <= 1
               for ramp in (0, 3, 0.3, 1.0) for decay in (None, 0, 0.0, 0.6, 5)
               for epochs in (1, 2, 3, 10) for e in range(epochs))  # fmt: skip
    assert [Course(ramp=0.2).share(e, 10) for e in (0, 1)] == [Course(ramp=0.2).share(e, 100) for e in (9, 19)]


def test_a_changing_weight_is_that_of_a_whole_distiller() -> None:
    node = Node("logits", L2(), {}, weight=2, ramp=0.5)
    distiller, s, t = Composed(here=node), knowledge(0, STUDENT), knowledge(1, STUDENT)
    whole = distiller(s, t, batch())["here"]
    distiller.set_epoch(0, 8)
    torch.testing.assert_close(distiller(s, t, batch())["here"], whole / 4)


def test_a_balanced_term_is_measured_without_its_rise() -> None:
    """A weight that has only begun to rise must not be taken for a weak gradient."""

    def factor(ramp: float) -> float:
        torch.manual_seed(0)
        distiller = Composed(balance=True, here=Node("logits", L2(), {}, weight=2, ramp=ramp))
        distiller.set_epoch(0, 10)
        distiller(knowledge(0, STUDENT), knowledge(1, TEACHER), batch())
        return distiller.factors["here"]

    assert factor(0.5) == pytest.approx(factor(0), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"tau_teacher": 0}, "tau_teacher must be above 0 and finite, got 0"),
        ({"sample_weight": "two"}, "sample_weight of the logits node must be one of one, power_sum, confidence"),
        ({"ramp": -1}, "ramp of the logits node must be a share of the epochs"),
        ({"ramp": 1.5}, "ramp of the logits node must be a share of the epochs"),
        ({"decay": float("nan")}, "decay of the logits node must be a share of the epochs"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Node("logits", L2(), {}, **arguments)


def test_the_formula_says_all_of_it() -> None:
    steps = {"first": Standardise(), "second": Rest()}
    node = Node("logits", KL(), steps, 9, 2, tau_teacher=4, sample_weight="confidence", ramp=0.1, decay=5)
    view = "Rest(Standardise(logits))"
    course = "(rising for 0.1 of the epochs, falling after 5 epochs)"
    assert node.formula() == f"9 {course} * 2² * confidence * KL({view} / 2, {view} / 4)"


def test_standardised_constants_are_zero_with_a_finite_gradient() -> None:
    x = torch.full((2, 5), 3.0, requires_grad=True)
    view = Standardise()(x)
    view.square().sum().backward()
    assert not view.any()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_knowledge_is_left_as_it_is() -> None:
    s, t = knowledge(0, STUDENT), knowledge(1, STUDENT)
    before = Knowledge(*(tuple(f.clone() for f in t.features), t.embedding.clone(), t.logits.clone()))
    Node("logits", KL(), {"first": Standardise(), "second": Rest()})(s, t, batch())
    assert torch.equal(before.logits, t.logits)


@pytest.mark.parametrize("source", ["feature", "embedding", "logits", "cam"])
def test_what_has_no_regions_is_not_weighed_by_their_disagreement(source: str) -> None:
    with pytest.raises(UserError, match=f"compares regions with their whole image, and the {source} node has none"):
        Node(source, L2(), {}, sample_weight="disagreement")
