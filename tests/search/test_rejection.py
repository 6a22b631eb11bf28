"""Which finite losses are thrown out."""

from math import inf, nan
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uniads.search.rejection import Rejection

some = settings(deadline=None, max_examples=100, derandomize=True)
losses = st.floats(0, 100)
EARLIER = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]  # median 4.5, MAD 2


def test_a_loss_above_median_plus_four_mad_is_rejected_with_the_bound() -> None:
    rejection = Rejection()
    assert rejection.reason(12.5, EARLIER) == ""
    assert "12.51 above 12.5, the rung's median + 4 MAD" in rejection.reason(12.51, EARLIER)


@some
@given(loss=losses, earlier=st.lists(losses, min_size=8, max_size=30), factor=st.floats(0.1, 10))
def test_the_rule_is_the_formula(loss: float, earlier: list[float], factor: float) -> None:
    spread = median(abs(value - median(earlier)) for value in earlier)
    outlier = spread > 0 and loss > median(earlier) + factor * spread
    assert bool(Rejection(mad_factor=factor).reason(loss, earlier)) == outlier


@some
@given(earlier=st.lists(losses, min_size=8), loss=losses)
def test_nobody_at_or_below_the_median_is_rejected(earlier: list[float], loss: float) -> None:
    assert Rejection().reason(min(loss, median(earlier)), earlier) == ""


@pytest.mark.parametrize("known", range(8))
def test_too_few_earlier_trials_judge_nobody(known: int) -> None:
    assert Rejection(earlier=8).reason(1e9, EARLIER[:known]) == ""


def test_losses_without_spread_make_nobody_an_outlier() -> None:
    assert Rejection().reason(0.5000001, [0.5] * 6 + [0.1, 0.9]) == ""


def test_a_fixed_bound_needs_no_earlier_trials() -> None:
    rejection = Rejection(max_loss=3.0)
    assert rejection.reason(3.0, []) == ""
    assert rejection.reason(3.5, []) == "loss 3.5 above search.rejection.max_loss 3"


@pytest.mark.parametrize("factor", [0, -1, nan])
def test_a_factor_that_is_not_positive_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match=r"search\.rejection\.mad_factor must be above 0, got"):
        Rejection(mad_factor=factor)


@pytest.mark.parametrize("earlier", [-1, 0, 2])
def test_fewer_than_three_earlier_trials_are_refused(earlier: int) -> None:
    with pytest.raises(ValueError, match=rf"search\.rejection\.earlier must be at least 3, got {earlier}"):
        Rejection(earlier=earlier)


def test_an_infinite_bound_rejects_no_finite_loss() -> None:
    assert Rejection(max_loss=inf).reason(1e300, []) == ""
