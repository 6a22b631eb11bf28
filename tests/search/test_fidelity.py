"""The rank correlation between rungs."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from scipy.stats import kendalltau, spearmanr

from uniads.search import Trial
from uniads.search.fidelity import rank_correlation, verdict


def trials(epochs: int, losses: Sequence[float]) -> list[Trial]:
    """One completed trial a loss."""
    found = []
    for number, loss in enumerate(losses):
        trial = Trial(f"c{number:04d}", (number,), (), 0, 0, epochs, 0).completed({"val_loss": loss})
        found.append(replace(trial, values=(loss,)))
    return found


EARLY = [3.0, 1.0, 2.5, 4.0, 2.0, 5.0, 1.5]
LATE = [1.1, 0.3, 0.9, 1.0, 1.2, 1.5, 0.2]


def test_it_is_kendalls_and_spearmans() -> None:
    (found,) = rank_correlation([*trials(1, EARLY), *trials(4, LATE)])
    assert (found.lower_epochs, found.higher_epochs, found.n) == (1, 4, 7)
    assert found.kendall_tau.value == pytest.approx(kendalltau(EARLY, LATE).statistic)
    assert found.spearman_rho.value == pytest.approx(spearmanr(EARLY, LATE).statistic)
    assert found.kendall_tau.low <= found.kendall_tau.value <= found.kendall_tau.high
    assert found.spearman_rho.low <= found.spearman_rho.value <= found.spearman_rho.high


def test_equal_orders_are_1_and_trusted() -> None:
    both = [*trials(1, LATE), *trials(2, [2 * loss for loss in LATE])]
    (found,) = rank_correlation(both)
    assert (found.kendall_tau.value, found.kendall_tau.low) == pytest.approx((1, 1))
    assert found.trusted
    assert verdict([found]).startswith("1 of 2 epochs can be trusted")


def test_opposite_orders_are_minus_1_and_not_trusted() -> None:
    (found,) = rank_correlation([*trials(1, LATE), *trials(2, [-loss for loss in LATE])])
    assert found.kendall_tau.value == pytest.approx(-1)
    assert "no budget below 2 epochs can be trusted" in verdict([found])


def test_every_pair_of_rungs_is_compared_and_the_cheapest_trusted_one_named() -> None:
    found = rank_correlation([*trials(1, EARLY[::-1]), *trials(2, LATE), *trials(4, LATE)])
    assert [(pair.lower_epochs, pair.higher_epochs) for pair in found] == [(1, 2), (1, 4), (2, 4)]
    assert verdict(found).startswith("2 of 4 epochs")


def test_candidates_that_did_not_complete_both_rungs_are_left_out() -> None:
    rejected = [trial.rejected("too bad") for trial in trials(2, LATE[:2])]
    (found,) = rank_correlation([*trials(1, LATE), *rejected, *trials(2, LATE)[2:]])
    assert found.n == 5


def test_nothing_is_said_of_too_few_or_equal_losses() -> None:
    assert rank_correlation([*trials(1, LATE[:4]), *trials(2, LATE[:4])]) == []
    assert rank_correlation([*trials(1, [1.0] * 7), *trials(2, LATE)]) == []
    assert "nothing can be said" in verdict([])


def test_equal_seeds_give_equal_intervals() -> None:
    both = [*trials(1, EARLY), *trials(4, LATE)]
    assert rank_correlation(both, seed=3) == rank_correlation(both, seed=3)
