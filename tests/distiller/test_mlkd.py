"""Multi-level logit distillation: its formula in one view and in two, and what it asks of data and search."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.distiller.contexts import context_of
from tests.distiller.logits import adapted, batch, drawn, finite_at_extremes, judge, labels, said
from uniads import build
from uniads.distiller.composed import Composed
from uniads.distiller.mlkd import MLKD
from uniads.error import UserError
from uniads.knowledge import PairedBatch

TAUS = (2, 3, 4, 5, 6)


def level(student: Tensor, teacher: Tensor, instance: float = 1, pairs: float = 1, classes: float = 1) -> Tensor:
    """One view at all temperatures, entry by entry."""
    n, c = student.shape
    total = torch.zeros((), dtype=torch.float64)
    for tau in TAUS:
        p, q = ((z / tau).exp() / (z / tau).exp().sum(1, keepdim=True) for z in (student, teacher))
        total = total + instance * tau**2 * (q * (q / p).log()).sum() / n
        for i in range(n):
            for j in range(n):
                total = total + pairs * ((p[i] * p[j]).sum() - (q[i] * q[j]).sum()) ** 2 / n
        for i in range(c):
            for j in range(c):
                total = total + classes * ((p[:, i] * p[:, j]).sum() - (q[:, i] * q[:, j]).sum()) ** 2 / c
    return total


def paired(label: Tensor) -> PairedBatch:
    return PairedBatch(*batch(label.repeat(2)))


def of_two(term: MLKD, student: Tensor, teacher: Tensor) -> Tensor:
    found: Tensor = term(said(student), said(teacher), paired(labels(len(student) // 2)))
    return found


def test_one_view_is_the_formula() -> None:
    judge(adapted(MLKD()), lambda s, t, y: 0.9 * level(s, t))
    judge(adapted(MLKD(2.0, 0.5, 3, 7)), lambda s, t, y: 2 * level(s, t, 0.5, 3, 7))


def test_two_views_are_compared_each_by_itself_and_count_alike() -> None:
    term: Any = adapted(MLKD())
    student, teacher = drawn(0, 8).requires_grad_(), drawn(1, 8)
    value = of_two(term, student, teacher)
    wanted = 0.9 * (level(student[:4], teacher[:4]) + level(student[4:], teacher[4:]))
    (mine,), (theirs,) = (torch.autograd.grad(each, student) for each in (value, wanted))
    torch.testing.assert_close(value, wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
    # Not as in the authors' code, which leaves out what the second view says of pairs.
    torch.testing.assert_close(of_two(term, student.roll(4, 0), teacher.roll(4, 0)), value, rtol=1e-9, atol=1e-9)
    assert (value - term(said(student), said(teacher), batch(labels(8)))).abs() > 1e-3


def test_images_of_which_the_teacher_is_sure_count_as_much_as_others() -> None:
    # The authors' code would multiply the term by the share of the images that are not above the median of confidence.
    term = adapted(MLKD(batch=0, classes=0))
    student, teacher = drawn(0, 8), drawn(1, 8)
    alone = [term(said(s[None]), said(t[None]), batch(labels(1))) for s, t in zip(student, teacher, strict=True)]
    torch.testing.assert_close(term(said(student), said(teacher), batch(labels(8))), torch.stack(alone).mean())


def test_relations_do_not_see_a_shift_of_the_logits_or_the_order() -> None:
    term: Any = adapted(MLKD())
    student, teacher = drawn(0, 8), drawn(1, 8)
    order = torch.tensor([2, 0, 3, 1, 6, 4, 7, 5])
    moved = of_two(term, student[order] + 3, teacher[order] - 5)
    torch.testing.assert_close(moved, of_two(term, student, teacher), rtol=1e-9, atol=1e-9)


def test_mlkd_is_finite_at_extremes_and_0_for_equal_logits() -> None:
    finite_at_extremes(adapted(MLKD()))
    finite_at_extremes(adapted(MLKD(), classes=2), classes=2)
    assert of_two(adapted(MLKD()), drawn(0, 8), drawn(0, 8)).item() == pytest.approx(0, abs=1e-12)  # type: ignore[arg-type]


def test_the_option_has_the_authors_values_and_asks_for_a_second_view() -> None:
    distiller = build("distiller", "mlkd")
    assert distiller.formula() == (
        "0.2 * cross-entropy + 0.9 * Σ over both views and τ = 2, 3, 4, 5, 6 of "
        "(1 * τ² KL + 1 * ‖ΔPPᵀ‖² / N + 1 * ‖ΔPᵀP‖² / C)"
    )
    assert (distiller.second_view, distiller.views, distiller.needs_features) == ((2, 10), 2, False)


def test_whoever_looks_at_no_second_view_asks_for_none() -> None:
    for distiller in (Composed(mlkd=MLKD(strong=None)), Composed(mlkd=MLKD(0.0)), build("distiller", "kd")):
        assert (distiller.second_view, distiller.views) == (None, 1)


def test_terms_with_different_second_views_are_refused() -> None:
    assert Composed(one=MLKD(), two=MLKD(strong=[2, 10])).second_view == (2, 10)
    with pytest.raises(UserError, match=r"the same second view of an image, got one, two with .* \[2, 10\], \[1, 5\]"):
        Composed(one=MLKD(), two=MLKD(strong=(1, 5)))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"taus": ()}, r"distiller\.mlkd\.taus must be numbers above 0 and finite, one or more, got \[\]"),
        ({"taus": (4, 0)}, r"distiller\.mlkd\.taus must be .*, got \[4, 0\]"),
        ({"taus": (float("inf"),)}, r"distiller\.mlkd\.taus must be .*, got \[inf\]"),
        ({"instance": -1}, r"distiller\.mlkd\.instance must be 0 or more"),
        ({"batch": float("nan")}, r"distiller\.mlkd\.batch must be 0 or more"),
        ({"classes": -2}, r"distiller\.mlkd\.classes must be 0 or more"),
        ({"strong": (0, 10)}, r"distiller\.mlkd\.strong must be null, or a number of operations above 0"),
        (
            {"strong": (2, 31)},
            r"distiller\.mlkd\.strong must be null, .* from 0 to 30, such as \[2, 9\], got \[2, 31\]",
        ),
    ],
)
def test_a_value_out_of_range_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MLKD(**more)


def test_networks_of_unequal_classes_are_refused() -> None:
    with pytest.raises(UserError, match=r"MLKD compares student and teacher class by class, .* got 5 .* and 6"):
        MLKD().adapt(context_of(said(drawn(0)), said(drawn(1, classes=6))))
