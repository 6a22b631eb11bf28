"""Laws that hold for any input."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from uniads.distance.base import Distance
from uniads.distance.correlation import Correlation
from uniads.distance.cosine import Cosine
from uniads.distance.hard import Hard
from uniads.distance.kl import KL
from uniads.distance.l1 import L1
from uniads.distance.l2 import L2
from uniads.distance.pearson import Pearson
from uniads.distance.smooth_l1 import SmoothL1

some = settings(deadline=None, max_examples=40, derandomize=True)
every_distance = pytest.mark.parametrize(
    "distance",
    [L1(), L2(), SmoothL1(), KL(), KL((1,)), KL((0,)), Hard(), Hard((1,)), Cosine(), Pearson(), Correlation()],
    ids=lambda d: f"{type(d).__name__}-{getattr(d, 'simplex', None)}",
)
Pair = tuple[Tensor, Tensor]
LONG = 1e3
"""Makes vectors so long that the 1e-8 beside their product of norms has no effect."""


@st.composite
def pairs(draw: DrawFn, dtype: torch.dtype = torch.float64) -> Pair:
    """Student and teacher of any small shape (at least 3 samples of 3 values) and ordinary size."""
    shape = (2, draw(st.integers(3, 6)), draw(st.integers(3, 6)), *draw(st.lists(st.integers(1, 3), max_size=2)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    both = torch.randn(shape, generator=generator, dtype=torch.float64) * draw(st.floats(0.5, 20))
    return both[0].to(dtype), both[1].to(dtype)


@st.composite
def extreme_pairs(draw: DrawFn) -> Pair:
    """Student and teacher of any finite float32 values whatever."""
    n, c = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    value = st.floats(allow_nan=False, allow_infinity=False, width=32)
    values = draw(st.lists(value, min_size=2 * n * c, max_size=2 * n * c))
    both = torch.tensor(values, dtype=torch.float32).reshape(2, n, c)
    return both[0], both[1]


@every_distance
@some
@given(pair=extreme_pairs())
def test_any_finite_input_has_a_finite_value_and_gradient(distance: Distance, pair: Pair) -> None:
    student, teacher = (x.clone().requires_grad_() for x in pair)
    value = distance(student, teacher)
    assert value.isfinite()
    assert value >= 0
    for gradient in torch.autograd.grad(value, (student, teacher), materialize_grads=True, allow_unused=True):
        assert gradient.isfinite().all()


@every_distance
@some
@given(pair=pairs(dtype=torch.float32))
def test_it_is_never_negative_not_even_at_equality_in_float32(distance: Distance, pair: Pair) -> None:
    student, teacher = pair
    assert distance(student, teacher) >= 0
    assert distance(student, student) >= 0


@pytest.mark.parametrize(
    "distance", [L1(), L2(), SmoothL1(), KL(), Cosine(), Pearson(), Correlation()], ids=lambda d: type(d).__name__
)
@some
@given(pair=pairs())
def test_it_is_zero_at_equality_and_positive_elsewhere(distance: Distance, pair: Pair) -> None:
    student, teacher = pair if isinstance(distance, KL) else (LONG * x for x in pair)
    assert distance(teacher, teacher) < 1e-6
    assert distance(student, teacher) > 1e-6


@some
@given(pair=pairs())
def test_kl_of_distributions_is_zero_at_equality_and_positive_elsewhere(pair: Pair) -> None:
    for axis in (0, 1):
        student, teacher = (x.softmax(axis) for x in pair)
        assert KL((axis,))(teacher, teacher) < 1e-9
        assert KL((axis,))(student, teacher) > 0


@some
@given(pair=pairs())
def test_hard_needs_nothing_but_the_teachers_best_class(pair: Pair) -> None:
    student, teacher = pair
    best = torch.zeros_like(teacher).scatter_(1, teacher.argmax(1, keepdim=True), 1.0)
    assert torch.equal(Hard()(student, teacher), Hard()(student, best))
    assert Hard()(student + best, teacher) < Hard()(student, teacher) or Hard()(student, teacher) < 1e-9


@some
@given(pair=pairs())
def test_hard_is_the_distance_to_a_teacher_who_is_certain(pair: Pair) -> None:
    student, teacher = pair
    certain = torch.zeros_like(teacher).scatter_(1, teacher.argmax(1, keepdim=True), 1e3)
    torch.testing.assert_close(Hard()(student, teacher), KL()(student, certain))


@some
@given(pair=pairs(), shift=st.floats(-50, 50))
def test_kl_and_hard_ignore_a_shift_of_the_logits(pair: Pair, shift: float) -> None:
    student, teacher = pair
    for distance in (KL(), Hard()):
        torch.testing.assert_close(distance(student + shift, teacher - shift), distance(student, teacher))


@some
@given(pair=pairs(), factor=st.floats(0.01, 100))
def test_kl_of_distributions_ignores_a_common_factor(pair: Pair, factor: float) -> None:
    student, teacher = ((x / 4).softmax(1) for x in pair)  # all above the floor of 1e-25, times the factor too
    torch.testing.assert_close(KL((1,))(factor * student, factor * teacher), KL((1,))(student, teacher))


@some
@given(pair=pairs(), up=st.floats(1, 1e4), more=st.floats(1, 1e4), shift=st.floats(-10, 10))
def test_angles_ignore_scale_and_correlations_also_shift(pair: Pair, up: float, more: float, shift: float) -> None:
    student, teacher = (LONG * x for x in pair)
    for distance, offset in ((Cosine(), 0.0), (Pearson(), shift), (Correlation(), shift)):
        torch.testing.assert_close(
            distance(up * student + offset, more * teacher - offset), distance(student, teacher), rtol=0, atol=1e-6
        )


@some
@given(pair=pairs())
def test_angles_are_symmetric_at_most_two_and_two_for_the_opposite(pair: Pair) -> None:
    student, teacher = (LONG * x for x in pair)
    for distance in (Cosine(), Pearson(), Correlation()):
        torch.testing.assert_close(distance(student, teacher), distance(teacher, student))
        assert distance(student, teacher) <= 2
        torch.testing.assert_close(distance(-teacher, teacher), distance(teacher, teacher) * 0 + 2, rtol=0, atol=1e-6)


@some
@given(pair=pairs())
def test_pearson_of_samples_is_correlation_of_the_transposed_batch(pair: Pair) -> None:
    student, teacher = (LONG * x.flatten(1) for x in pair)
    torch.testing.assert_close(Pearson()(student, teacher), Correlation()(student.T, teacher.T))


@some
@given(pair=pairs())
def test_smooth_l1_lies_between_zero_and_both_of_its_limits(pair: Pair) -> None:
    student, teacher = pair
    assert 0 <= SmoothL1()(student, teacher) <= torch.minimum(L1()(student, teacher), L2()(student, teacher) / 2)


@some
@given(pair=pairs(), factor=st.floats(0.01, 100))
def test_l1_and_l2_are_homogeneous(pair: Pair, factor: float) -> None:
    student, teacher = pair
    torch.testing.assert_close(L1()(factor * student, factor * teacher), factor * L1()(student, teacher))
    torch.testing.assert_close(L2()(factor * student, factor * teacher), factor**2 * L2()(student, teacher))
