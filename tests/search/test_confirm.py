"""The best candidates are trained again: whoever is chosen is less the luckiest, and nothing else changes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random as Numbers
from statistics import mean

import pytest

from uniads.search import Halving, Ledger, Measure, Random, Result, SearchSpace, Trial, search
from uniads.search.confirm import describe_repeats, merge_repeats

SPACE = SearchSpace({"a": list(range(20))})
LOSS, SIZE = Measure("val_loss"), Measure("params", target=10)
HALVING = Halving([1, 3], [10, 5])


class Noisy:
    """A loss of 1 + a / 100 and noise of the seed; it counts what it is asked."""

    def __init__(self, spread: float = 1.0, breaks: str = "") -> None:
        self.spread, self.breaks = spread, breaks
        self.asked: list[Trial] = []

    def __call__(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            self.asked.append(trial)
            noise = self.spread * Numbers(trial.seed).gauss(0, 0.1)
            if trial.candidate == self.breaks:
                yield trial.rejected("it diverged", {"epochs": 1})
            else:
                yield trial.completed({"val_loss": 1 + trial.genome[0] / 100 + noise, "params": 5})


def run(confirm: int, objective: Noisy | None = None, seed: int = 0, **more: object) -> Result:
    return search(
        SPACE, objective or Noisy(), Random(SPACE, seed), HALVING, measures=[LOSS], candidates=10, confirm=confirm,
        seed=seed, **more,
    )  # type: ignore[arg-type]  # fmt: skip


def test_the_first_contenders_are_trained_again_from_the_beginning_with_other_weights() -> None:
    objective = Noisy()
    result = run(3, objective)
    once = run(0)
    again = [trial for trial in result.trials if trial.repeats]
    assert [trial.repeats for trial in again] == [
        trial.candidate for trial in sorted(once.at(1), key=lambda t: t.values)[:3]
    ]
    for trial in again:
        (first,) = [one for one in result.trials if one.slot == (trial.repeats, 1)]
        assert (trial.genome, trial.overrides, trial.epochs, trial.rung) == (first.genome, first.overrides, 3, 1)
        assert (trial.start, first.start) == (0, 1)
        assert trial.seed != first.seed
    assert [trial for trial in result.trials if not trial.repeats] == list(once.trials)
    assert result.candidates == 10
    assert result.epochs_spent == once.epochs_spent + 3 * 3


def test_the_mean_of_both_counts() -> None:
    result = run(3)
    for trial in result.at(1):
        own = [
            one.values[0] for one in result.trials if trial.candidate in (one.candidate, one.repeats) and one.rung == 1
        ]
        assert trial.values == (pytest.approx(mean(own)),)
        assert trial.outcome["val_loss"] == pytest.approx(mean(own))
        assert trial.outcome["params"] == 5
    assert result.best is not None
    assert result.best.values[0] == min(trial.values[0] for trial in result.at(1))


def test_whoever_is_chosen_is_less_lucky() -> None:
    luck: dict[int, list[float]] = {0: [], 5: []}
    truth: dict[int, list[float]] = {0: [], 5: []}
    for seed in range(100):
        for confirm in luck:
            best = run(confirm, seed=seed).best
            assert best is not None
            truth[confirm].append(1 + best.genome[0] / 100)
            luck[confirm].append(best.values[0] - truth[confirm][-1])
    assert mean(luck[0]) < -0.1  # the winner's curse: about a standard deviation of the noise
    assert mean(luck[5]) > 0.7 * mean(luck[0])
    assert mean(truth[5]) <= mean(truth[0]) + 0.005


def test_who_does_not_come_through_again_is_left_out() -> None:
    best = run(0).best
    assert best is not None
    result = run(3, Noisy(breaks=f"{best.candidate}-2"))
    assert best.candidate not in {trial.candidate for trial in result.front}
    said = describe_repeats(result.trials, "val_loss")
    assert said[-1] == f"{best.candidate} was rejected (it diverged), so it is left out"
    assert "in mean" in said[0]


@pytest.mark.parametrize("confirm", [0, 1])
def test_one_alone_is_not_trained_again(confirm: int) -> None:
    assert not any(trial.repeats for trial in run(confirm).trials)
    assert describe_repeats(run(confirm).trials, "val_loss") == []


@pytest.mark.parametrize(("epochs", "again"), [(20, 0), (23, 1), (26, 2), (40, 3)])
def test_second_trainings_stay_within_the_budget(epochs: int, again: int) -> None:
    result = run(3, max_epochs=epochs)
    assert sum(bool(trial.repeats) for trial in result.trials) == again
    assert result.epochs_spent <= epochs


@pytest.mark.parametrize("rows", [16, 17, 18])
def test_a_search_that_was_stopped_among_them_goes_on(rows: int, tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    ledger = Ledger(file)
    whole = run(3, ledger=ledger)
    ledger.close()
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + 15 + 3
    file.write_bytes(b"".join(lines[:rows]))
    objective = Noisy()
    ledger = Ledger(file)
    assert run(3, objective, ledger=ledger) == whole
    ledger.close()
    assert len(objective.asked) == 1 + 15 + 3 - rows
    assert file.read_bytes() == b"".join(lines)


def test_what_is_known_of_earlier_contenders_stays_known(tmp_path: Path) -> None:
    def go_on(candidates: int) -> Result:
        ledger = Ledger(tmp_path / "ledger.jsonl")
        found = search(
            SPACE, Noisy(), Random(SPACE), HALVING, measures=[LOSS], candidates=candidates, confirm=3, ledger=ledger
        )
        ledger.close()
        return found

    before, after = (go_on(candidates) for candidates in (10, 20))
    assert {t.slot for t in before.trials if t.repeats} <= {t.slot for t in after.trials if t.repeats}
    again = {trial.repeats for trial in after.trials}
    assert {trial.candidate for trial in after.contenders(3)} <= again
    assert {trial.candidate for trial in before.contenders(3)} <= again


def test_a_candidate_beyond_a_target_contends_last() -> None:
    def objective(trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            yield trial.completed({"val_loss": 20 - trial.genome[0], "params": trial.genome[0]})

    result = search(
        SPACE, objective, Random(SPACE), Halving([1], [20]), measures=[LOSS, SIZE], candidates=20, confirm=3
    )
    assert [trial.genome[0] for trial in result.contenders(4)] == [10, 9, 8, 7]
    assert result.contenders(20)[-1].genome[0] == 19


def test_merging_looks_at_one_rung_and_keeps_whole_numbers_whole() -> None:
    trial = Trial("c0000", (0,), (), 0, 1, 3, 5).completed({"val_loss": 1.0, "params": 7, "own": 2})
    other = trial.again(0).completed({"val_loss": 2.0, "params": 7})
    (merged,) = merge_repeats([trial, other])
    assert merged.outcome == {"val_loss": 1.5, "params": 7, "own": 2}
    assert isinstance(merged.outcome["params"], int)
    assert merged.candidate == "c0000"
