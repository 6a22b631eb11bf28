"""WKD-L against its definition: Sinkhorn without logarithms, class by class, and what a similar class costs."""

from itertools import product
from math import cos, pi
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.distiller.contexts import context_of
from tests.distiller.logits import CLASSES, N, batch, drawn, finite_at_extremes, judge, labels, said, value_of
from uniads import build
from uniads.distiller.wkd_l import WKDL
from uniads.error import UserError
from uniads.knowledge import Knowledge


def adapted(term: WKDL, weight: Tensor) -> WKDL:
    """A term whose teacher has such a classifier."""
    head = nn.Linear(weight.shape[1], len(weight), dtype=weight.dtype)
    with torch.no_grad():
        head.weight.copy_(weight)
        embedding = torch.ones(2, weight.shape[1], dtype=weight.dtype)
        known = Knowledge((), embedding, head(embedding))
    term.adapt(context_of(known, known, teacher=nn.Sequential(head)))
    return term


def rows(classes: int = CLASSES) -> Tensor:
    return drawn(7, classes, 8)


def costs(weight: Tensor, kappa: float) -> dict[tuple[int, int], Tensor]:
    return {
        (i, j): 1 - (-kappa * (1 - (weight[i] * weight[j]).sum() / (weight[i].norm() * weight[j].norm()))).exp()
        for i, j in product(range(len(weight)), repeat=2)
    }


def target(student: Tensor, teacher: Tensor, label: Tensor) -> Tensor:
    return sum(
        -t.softmax(0)[y] * s.log_softmax(0)[y] for s, t, y in zip(student, teacher, label.tolist(), strict=True)
    ) / len(label)


def plan(s: Tensor, t: Tensor, cost: Tensor, reg: float, steps: int) -> Tensor:
    kernel = (-cost / reg).exp()
    u = torch.full_like(s, 1 / len(s))
    for _ in range(steps):
        v = t / (kernel.T @ u)
        u = s / (kernel @ v)
    return u[:, None] * kernel * v


def transport(
    student: Tensor, teacher: Tensor, label: Tensor, tau: float, reg: float, steps: int, kappa: float
) -> Tensor:
    cost = costs(rows(), kappa)
    total = torch.zeros((), dtype=torch.float64)
    for s, t, y in zip(student, teacher, label.tolist(), strict=True):
        kept = [c for c in range(CLASSES) if c != y]
        table = torch.stack([torch.stack([cost[i, j] for j in kept]) for i in kept])
        flow = plan((s[kept] / tau).softmax(0), (t[kept] / tau).softmax(0), table, reg, steps)
        total = total + (flow * table).sum()
    return total / len(label)


@pytest.mark.parametrize(
    ("tau", "reg", "steps", "kappa"), [(8.0, 0.05, 10, 1.0), (1.0, 0.2, 3, 2.0), (2.0, 0.1, 1, 0.5)]
)
def test_wkd_l_is_its_formula(tau: float, reg: float, steps: int, kappa: float) -> None:
    judge(
        adapted(WKDL(weight=2, gamma=600, tau=tau, reg=reg, steps=steps, kappa=kappa), rows()),
        lambda s, t, y: 2 * (target(s, t, y) + 600 * transport(s, t, y, tau, reg, steps, kappa)),
    )


def test_the_cost_is_that_of_the_teachers_classifier() -> None:
    weight = rows()
    cost = adapted(WKDL(kappa=1), weight).cost
    for (i, j), wanted in costs(weight, 1).items():
        torch.testing.assert_close(cost[i, j], wanted, rtol=1e-9, atol=1e-12)
    assert (cost >= 0).all()
    plain = adapted(WKDL(kappa=0), weight).cost
    torch.testing.assert_close(cost, 1 - (-plain).exp())
    torch.testing.assert_close(adapted(WKDL(), 3 * weight).cost, cost)  # of the rows' directions alone


def moved(to: int) -> float:
    """What it costs that the student takes another class than the teacher; classes 1 and 2 are alike, 3 is not."""
    weight = torch.eye(4, dtype=torch.float64)
    weight[2] = torch.tensor([0, 1, 0.2, 0])
    logits = 20 * F.one_hot(torch.tensor([1, to]), 4).double()
    term = adapted(WKDL(gamma=1, tau=1), weight)
    label = torch.tensor([0])
    known = logits[:1], logits[1:]
    return (value_of(term, known[1], known[0], label) - target(known[1], known[0], label)).item()


def test_a_class_like_the_teachers_costs_less_than_another() -> None:
    assert moved(1) == pytest.approx(0, abs=1e-4)
    assert moved(2) == pytest.approx(1 - torch.tensor(-(1 - 1 / 1.04**0.5)).exp().item(), abs=1e-3)
    assert moved(3) == pytest.approx(1 - torch.tensor(-1.0).exp().item(), abs=1e-3)


def test_the_transport_does_not_see_the_logit_of_the_label() -> None:
    term, label = adapted(WKDL(), rows()), labels()
    student, teacher = drawn(0), drawn(1)
    raised = student.scatter_add(1, label[:, None], torch.full((N, 1), 5.0, dtype=torch.float64))
    parts = [value_of(term, s, teacher, label) - target(s, teacher, label) for s in (student, raised)]
    torch.testing.assert_close(*parts, rtol=1e-9, atol=1e-9)


def test_it_costs_the_same_in_any_order_of_the_classes() -> None:
    order = torch.tensor([3, 0, 4, 1, 2])
    student, teacher, label = drawn(0), drawn(1), labels()
    value = value_of(adapted(WKDL(), rows()), student, teacher, label)
    other = value_of(adapted(WKDL(), rows()[order]), student[:, order], teacher[:, order], order.argsort()[label])
    torch.testing.assert_close(other, value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("more", [{}, {"tau": 1}, {"tau": 1, "reg": 0.025, "kappa": 0}, {"tau": 1, "steps": 100}])
def test_wkd_l_is_finite_at_extremes(more: dict[str, Any]) -> None:
    weight = rows().float()
    weight[1] = -weight[0]  # as far apart as can be
    finite_at_extremes(adapted(WKDL(**more), weight))


def test_two_classes_leave_nothing_to_carry() -> None:
    term, label = adapted(WKDL(), rows(2)), torch.tensor([0, 1])
    student, teacher = drawn(0, 2, 2), drawn(1, 2, 2)
    torch.testing.assert_close(value_of(term, student, teacher, label), target(student, teacher, label))
    finite_at_extremes(adapted(WKDL(), rows(2).float()), classes=2)


@pytest.mark.parametrize(
    ("decay", "epochs", "falls"),
    [
        (0.625, 240, {0: 1, 150: 1, 195: 0.5, 239: (1 + cos(pi * 89 / 90)) / 2}),
        (0.625, 8, {5: 1, 6: (1 + cos(pi / 3)) / 2}),
        (0.625, 1, {0: 1}),
        (1.0, 4, {3: 1}),
        (0.0, 4, {0: 1, 2: 0.5}),
    ],
)
def test_the_transport_falls_along_a_cosine_and_the_label_does_not(
    decay: float, epochs: int, falls: dict[int, float]
) -> None:
    student, teacher, label = drawn(0), drawn(1), labels()
    term = adapted(WKDL(decay=decay), rows())
    first = target(student, teacher, label)
    second = value_of(term, student, teacher, label) - first
    for epoch, fall in falls.items():
        term.set_epoch(epoch, epochs)
        torch.testing.assert_close(value_of(term, student, teacher, label), first + fall * second)


def test_the_cost_is_no_part_of_the_state_and_moves_with_the_term() -> None:
    term = adapted(WKDL(), rows())
    assert not term.state_dict()
    assert term.to(torch.float32).cost.dtype == torch.float32
    known = said(drawn(0).float())
    with torch.autocast("cpu", torch.bfloat16):
        assert term(known, said(drawn(1).float()), batch(labels())).dtype == torch.float32


@pytest.mark.parametrize(
    "more",
    [{"tau": 0}, {"reg": 0.01}, {"steps": 0}, {"decay": 1.5}, {"gamma": -1}, {"kappa": float("nan")}],
)
def test_a_value_out_of_range_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"distiller\.wkd_l\.{next(iter(more))} must be "):
        WKDL(**more)


def test_the_option_has_the_authors_values() -> None:
    distiller = build("distiller", "wkd_l")
    term = distiller.terms()["wkd_l"]
    assert isinstance(term, WKDL)
    assert distiller.formula() == (
        "1 * cross-entropy + 1 * (p_t[y] CE(z, y) + 600 * fall * W(softmax(logits / 8) without y))"
    )
    assert (term.reg, term.steps, term.kappa, term.transport.decay) == (0.05, 10, 1, 0.625)
    assert not distiller.needs_features
