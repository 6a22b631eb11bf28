"""What a search cost, against an example worked by hand."""

from collections.abc import Iterator, Sequence

import pytest
from rich.console import Console

from uniads.report.search.cost import Amount, Cost, build_cost_table, describe_cost
from uniads.search import Full, Halving, Hyperband, Measure, Random, Result, Schedule, SearchSpace, Trial, search

SPACE = SearchSpace({"x": range(6)})
EPOCH = 100.0
"""Operations of candidate x in an epoch: 100 (x + 1)."""


def answered(trials: Sequence[Trial]) -> Iterator[Trial]:
    """The loss is x; 4 is stopped after half an epoch, 5 breaks, 2 is hopeless at the end of rung 1."""
    for trial in trials:
        x = trial.genome[0]
        flops = {"epoch_flops": EPOCH * (x + 1)}
        if x == 5:
            yield trial.failed("OSError: gone")
        elif x == 4:
            yield trial.rejected("at chance level", {"epochs": 0.5} | flops)
        elif x == 2 and trial.rung == 1:
            yield trial.rejected("loss 9 above 1", {"epochs": trial.epochs} | flops)
        else:
            yield trial.completed({"val_loss": float(x)} | flops)


def searched(schedule: Schedule) -> Result:
    measures = [Measure("val_loss", reference=9.0)]
    return search(SPACE, answered, Random(SPACE), schedule, measures=measures, candidates=6, max_failures=1.0)


@pytest.fixture(scope="module")
def cost() -> Cost:
    # All six start (3 epochs): 0, 1, 2, 3 complete, 4 is rejected after 0.5, 5 fails. 0, 1, 2 go on to 8 epochs, where
    # 2 is rejected. 0 goes on to 24.
    return Cost.of(searched(Halving([3, 8, 24], [6, 3, 1])), top=24, full=240, final=Amount(240, 240 * 100.0))


def test_every_rung_counts_what_it_added(cost: Cost) -> None:
    # To 3: 4 * 3 + 0.5 = 12.5 epochs, 3 * (100 + 200 + 300 + 400) + 0.5 * 500 = 3250 operations.
    # To 8: 3 * 5 = 15 epochs, 5 * (100 + 200 + 300) = 3000. To 24: 16 epochs, 1600.
    assert cost.rungs == {3: Amount(12.5, 3250.0), 8: Amount(15.0, 3000.0), 24: Amount(16.0, 1600.0)}
    assert cost.spent == Amount(43.5, 7850.0)


def test_what_was_not_trained_has_a_reason(cost: Cost) -> None:
    # Halving kept 1 from 8 to 24 (16 epochs at 200) and 3 from 3 to 24 (21 at 400). Rejection kept 2 from 8 to 24 (16
    # at 300) and 4 from 0.5 to 24 (23.5 at 500). 5 failed: 24 epochs of unknown operations.
    assert cost.halved == Amount(37.0, 3200.0 + 8400.0)
    assert cost.rejected == Amount(39.5, 4800.0 + 11_750.0)
    assert cost.failed == Amount(24.0, 0.0)


def test_factors_are_to_a_baseline_that_is_spelled_out(cost: Cost) -> None:
    assert cost.top == Amount(6 * 24.0, 24 * 1500.0)
    assert cost.full == Amount(6 * 240.0, 240 * 1500.0)
    with Console(width=120, record=True) as console:
        console.print(build_cost_table(cost))
    text = console.export_text()
    lines = [line.split("│")[1:-1] for line in text.splitlines() if "│" in line]
    rows = {name.strip(): [cell.strip() for cell in cells] for name, *cells in lines}
    assert rows["trained to 8 epochs"][:2] == ["15", "3e+03"]
    assert rows["the search"][0] == "43.5"
    assert rows["each candidate to the top rung"] == ["144", "3.6e+04", "3.3", "4.6"]
    assert rows["each candidate with the full recipe"] == ["1,440", "3.6e+05", "33.1", "45.9"]
    assert "with the final training" in text


@pytest.mark.parametrize(
    "schedule", [Halving([3, 8, 24], [6, 3, 1]), Halving([1, 24], [2, 1]), Full(24, 4), Hyperband(24)]
)
def test_spent_and_saved_make_up_the_whole(schedule: Schedule) -> None:
    cost = Cost.of(searched(schedule), top=24, full=240)
    assert cost.spent + cost.halved + cost.rejected + cost.failed == cost.top
    assert cost.spent.epochs == searched(schedule).epochs_spent


def test_the_sentence_names_the_baseline() -> None:
    sentence = describe_cost(searched(Full(24, 6)), 240, 240)
    assert sentence.startswith(
        "6 candidates cost 96.5 epochs; training each for the recipe's 240 epochs would cost 1,440"
    )
    assert sentence.endswith("a factor of 14.9 (4.3 with the final training)")
