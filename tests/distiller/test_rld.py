"""RLD against its definition: a sure teacher, the classes below the label, and a warm-up."""

import pytest
import torch
from torch import Tensor

from tests.distiller.logits import CLASSES, adapted, drawn, finite_at_extremes, judge, labels, value_of
from uniads import build
from uniads.distiller.rld import RLD
from uniads.error import UserError


def confidence(student: Tensor, teacher: Tensor, label: Tensor, tau: float) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for s, t, y in zip((student / tau).softmax(1), (teacher / tau).softmax(1), label.tolist(), strict=True):
        top = t.max()
        total = total + top * (top / s[y]).log() + (1 - top) * ((1 - top) / (1 - s[y])).log()
    return tau**2 * total / len(label)


def below(student: Tensor, teacher: Tensor, label: Tensor, tau: float) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for s, t, y in zip(student, teacher, label.tolist(), strict=True):
        kept = [c for c in range(CLASSES) if t[c] < t[y]]
        p, q = ((z[kept] / tau).exp() for z in (t, s))
        p, q = p / p.sum(), q / q.sum()
        total = total + sum(p[k] * (p[k] / q[k]).log() for k in range(len(kept)))
    return tau**2 * total / len(label)


@pytest.mark.parametrize(("tau", "tau_confidence"), [(4.0, 1.0), (2.0, 3.0)])
def test_rld_is_its_formula(tau: float, tau_confidence: float) -> None:
    judge(
        adapted(RLD(weight=2, alpha=0.5, beta=8, tau=tau, tau_confidence=tau_confidence)),
        lambda s, t, y: 2 * (0.5 * confidence(s, t, y, tau_confidence) + 8 * below(s, t, y, tau)),
    )


def test_an_erring_teacher_says_how_sure_to_be_of_the_label() -> None:
    term = adapted(RLD(beta=0))
    teacher = torch.tensor([[3.0, 0.0, 0.0, 0.0, 0.0]])
    student = torch.tensor([[0.0, 3.0, 0.0, 0.0, 0.0]])  # as sure, of the label
    assert value_of(term, student, teacher, torch.tensor([1])).item() == pytest.approx(0, abs=1e-6)
    assert value_of(term, teacher, teacher, torch.tensor([1])) > 1


def test_what_the_teacher_ranks_above_the_label_or_level_with_it_is_not_seen() -> None:
    term = adapted(RLD(alpha=0))
    teacher, label = torch.tensor([[5.0, 2.0, 2.0, 1.0, 0.0]]), torch.tensor([1])
    student = drawn(0, 1).float().requires_grad_()
    value = value_of(term, student, teacher, label)
    (gradient,) = torch.autograd.grad(value, student)
    assert (gradient != 0).tolist() == [[False, False, False, True, True]]
    other = student + torch.tensor([[9.0, -9.0, 7.0, 0.0, 0.0]])
    torch.testing.assert_close(value_of(term, other, teacher, label), value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_image_of_which_no_class_is_left_adds_nothing(dtype: torch.dtype) -> None:
    term = adapted(RLD(alpha=0))
    teacher = torch.tensor(
        [[5.0, 2.0, 3.0, 1.0, 0.5], [1.0, 1.0, 1.0, 1.0, 1.0], [4.0, 3.0, 2.0, 1.0, 0.0]], dtype=dtype
    )
    label = torch.tensor([4, 2, 0])  # the last, level with all, the first
    student = drawn(0, 3).to(dtype).requires_grad_()
    value = value_of(term, student, teacher, label)
    value.backward()
    assert student.grad is not None
    assert not student.grad[:2].any()
    assert student.grad[2].any()
    assert value_of(term, student[:2], teacher[:2], label[:2]).item() == 0
    torch.testing.assert_close(3 * value, value_of(term, student[2:], teacher[2:], label[2:]))


def test_rld_is_finite_at_extremes_and_for_two_classes() -> None:
    finite_at_extremes(adapted(RLD()))
    finite_at_extremes(adapted(RLD(), classes=2), classes=2)


@pytest.mark.parametrize(
    ("ramp", "epochs", "rises"),
    [
        (20 / 240, 240, {0: 1 / 20, 9: 10 / 20, 18: 19 / 20, 19: 1, 20: 1, 239: 1}),  # as the authors train
        (20 / 240, 24, {0: 1 / 2, 1: 1}),
        (20 / 240, 1, {0: 1}),
        (0, 240, {0: 1}),
    ],
)
def test_the_warm_up_is_a_share_of_the_schedule(ramp: float, epochs: int, rises: dict[int, float]) -> None:
    student, teacher, label = drawn(0), drawn(1), labels()
    whole, term = adapted(RLD()), adapted(RLD(ramp=ramp))
    for epoch, rise in rises.items():
        term.set_epoch(epoch, epochs)
        wanted = rise * value_of(whole, student, teacher, label)
        torch.testing.assert_close(term.share * value_of(term, student, teacher, label), wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    "more", [{"tau": 0}, {"tau_confidence": float("nan")}, {"ramp": 1.5}, {"alpha": -1}, {"beta": float("inf")}]
)
def test_a_value_out_of_range_is_refused(more: dict[str, float]) -> None:
    with pytest.raises(UserError, match=rf"distiller\.rld\.{next(iter(more))} must be "):
        RLD(**more)


def test_the_option_has_the_authors_values() -> None:
    distiller = build("distiller", "rld")
    assert distiller.formula() == (
        "1 * cross-entropy + 1 (rising for 0.0833333 of the epochs) * "
        "(1 * 1² * KL([p[y], 1 − p[y]]) + 8 * 4² * KL(classes below y))"
    )
    assert not distiller.needs_features
