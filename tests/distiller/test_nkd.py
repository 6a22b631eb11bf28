"""NKD against its definition, and what it does not see."""

import pytest
import torch
from torch import Tensor

from tests.distiller.logits import CLASSES, adapted, drawn, finite_at_extremes, judge, labels, value_of
from uniads import build
from uniads.distiller.nkd import NKD
from uniads.error import UserError


def target(student: Tensor, teacher: Tensor, label: Tensor) -> Tensor:
    p, q = teacher.softmax(1), student.softmax(1)
    return sum(-p[n, y] * q[n, y].log() for n, y in enumerate(label.tolist())) / len(label)


def others(student: Tensor, teacher: Tensor, label: Tensor, tau: float) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    p, q = ((z / tau).softmax(1) for z in (teacher, student))
    for n, y in enumerate(label.tolist()):
        for c in set(range(CLASSES)) - {y}:
            total = total - p[n, c] / (1 - p[n, y]) * (q[n, c] / (1 - q[n, y])).log()
    return total / len(label)


@pytest.mark.parametrize(("gamma", "tau"), [(1.5, 1.0), (3.5, 3.0)])  # the authors' of ImageNet and of CIFAR-100
def test_nkd_is_its_formula(gamma: float, tau: float) -> None:
    judge(
        adapted(NKD(weight=2, gamma=gamma, tau=tau)),
        lambda s, t, y: 2 * (target(s, t, y) + gamma * tau**2 * others(s, t, y, tau)),
    )


def test_its_two_parts_add_up_and_only_the_second_has_a_temperature() -> None:
    both, first = adapted(NKD(gamma=1.5, tau=4)), adapted(NKD(gamma=0, tau=4))
    student, teacher, label = drawn(0), drawn(1), labels()
    second = 1.5 * 16 * others(student, teacher, label, 4)
    torch.testing.assert_close(value_of(first, student, teacher, label), target(student, teacher, label))
    torch.testing.assert_close(
        value_of(both, student, teacher, label) - second, target(student, teacher, label), rtol=1e-9, atol=1e-9
    )


def test_the_others_do_not_see_the_logit_of_the_label() -> None:
    term, bare = adapted(NKD()), adapted(NKD(gamma=0))
    student, teacher, label = drawn(0), drawn(1), labels()
    raised = student.scatter_add(1, label[:, None], torch.full((len(label), 1), 5.0, dtype=torch.float64))
    parts = [value_of(term, s, teacher, label) - value_of(bare, s, teacher, label) for s in (student, raised)]
    torch.testing.assert_close(*parts, rtol=1e-12, atol=1e-12)


def test_it_is_least_where_the_others_agree() -> None:
    term, label = adapted(NKD()), labels()
    teacher = drawn(1)
    student = teacher.clone().requires_grad_()
    value_of(adapted(NKD(gamma=1e6)), student, teacher, label).backward()
    assert student.grad is not None
    others_pull = student.grad.scatter(1, label[:, None], 0).abs().max()
    assert others_pull < 1  # of a weight of a million: all that is left is the first part's
    assert value_of(term, teacher, teacher, label) < value_of(term, teacher + drawn(5), teacher, label)


def test_nkd_is_finite_at_extremes_and_for_two_classes() -> None:
    finite_at_extremes(adapted(NKD(tau=4)))
    finite_at_extremes(adapted(NKD(), classes=2), classes=2)


@pytest.mark.parametrize("more", [{"tau": 0}, {"tau": float("inf")}, {"gamma": -1}])
def test_a_value_out_of_range_is_refused(more: dict[str, float]) -> None:
    with pytest.raises(UserError, match=r"distiller\.nkd\.(tau must be above 0|gamma must be 0 or more) and finite"):
        NKD(**more)


def test_the_option_has_the_authors_values() -> None:
    distiller = build("distiller", "nkd")
    assert distiller.formula() == "1 * cross-entropy + 1 * (p_t[y] CE(z, y) + 1.5 * 1² * CE(q_s, q_t)), q without y"
    assert not distiller.needs_features
