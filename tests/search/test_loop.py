"""The loop: what it evaluates, what it records, when it stops, and how it goes on."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from math import inf, nan
from pathlib import Path
from random import Random as Generator
from typing import Any

import numpy as np
import pytest

from uniads.search import (
    NSGA2,
    Full,
    Halving,
    Ledger,
    Measure,
    Objective,
    Point,
    Random,
    Rejection,
    Result,
    SearchSpace,
    Shrinkage,
    Status,
    Trial,
    Watcher,
    per_point,
    search,
)
from uniads.search.pareto import best
from uniads.search.trial import trial_seed

RUNGS = Halving([1, 2, 4], [8, 4, 2])
LINE = SearchSpace({"x": range(1000)})
LOSS = (Measure("val_loss", reference=2000.0),)


def line_loss(point: Point, epochs: int) -> Mapping[str, float]:
    return {"val_loss": float(int(point["x"])) / epochs}


def on_line(function: Callable[[Point, int], Mapping[str, Any]] = line_loss, **settings: Any) -> Result:
    """A search of whole numbers, of which the least is best."""
    settings = {"measures": LOSS, "candidates": 16, "schedule": RUNGS} | settings
    return search(LINE, per_point(LINE, function), Random(LINE), **settings)


class Counted:
    """The problem's objective, which counts and can be interrupted before a given evaluation."""

    def __init__(self, problem: Any, interrupt: int | None = None) -> None:
        self.calls: list[tuple[str, int]] = []
        self.problem = problem
        self.interrupt = interrupt

    def __call__(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            if len(self.calls) == self.interrupt:
                raise KeyboardInterrupt
            self.calls.append(trial.slot)
            outcome = self.problem.evaluate(self.problem.space.point(trial.genome), trial.epochs)
            bad = trial.genome[3] == 5
            yield trial.failed("OSError: gone") if bad else trial.completed({**outcome, "epoch_flops": 1e9}, 0.125)


def full_search(problem: Any, objective: Objective, path: Path | None = None, candidates: int = 28) -> Result:
    """A search with everything switched on."""
    with closing(Ledger(path, {"candidates": candidates})) as ledger:
        return search(
            problem.space,
            objective,
            NSGA2(problem.space, seed=7, population=6, start=[(0, 0, 0, 0, 0, 0)]),
            RUNGS,
            measures=problem.measures,
            candidates=candidates,
            rejection=Rejection(mad_factor=2.0, earlier=4),
            shrinkage=Shrinkage(spare=("depth", "width")),
            ledger=ledger,
            seed=7,
        )


@pytest.fixture(scope="module")
def uninterrupted(problem: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Result, int]:
    """The ledger's content, the result and the number of evaluations of a search that nobody disturbed."""
    path = tmp_path_factory.mktemp("whole") / "ledger.jsonl"
    objective = Counted(problem)
    result = full_search(problem, objective, path)
    return path.read_bytes(), result, len(objective.calls)


def test_the_test_search_has_trials_of_every_kind(uninterrupted: tuple[bytes, Result, int]) -> None:
    _, result, calls = uninterrupted
    assert {trial.status for trial in result.trials} == {Status.COMPLETED, Status.REJECTED, Status.FAILED}
    assert {trial.rung for trial in result.trials} == {0, 1, 2}
    assert calls == len(result.trials) > 40
    assert len(result.weights) == 4


def test_a_cut_ledger_is_continued_to_the_same_bytes_without_repetition(
    problem: Any, uninterrupted: tuple[bytes, Result, int], tmp_path: Path
) -> None:
    content, result, _ = uninterrupted
    rng = Generator(0)
    ends = [position + 1 for position, byte in enumerate(content) if byte == 10]
    cuts = [0, *rng.sample(ends, 5), *(end - 1 for end in rng.sample(ends, 3)), *rng.sample(range(len(content)), 13)]
    for number, cut in enumerate(cuts):
        path = tmp_path / str(number) / "ledger.jsonl"
        path.parent.mkdir()
        path.write_bytes(content[:cut])
        objective = Counted(problem)
        assert full_search(problem, objective, path) == result
        assert path.read_bytes() == content
        known = content[: content.rfind(b"\n", 0, cut) + 1].count(b'"row": "trial"')
        assert objective.calls == [trial.slot for trial in result.trials[known:]]


def test_an_interrupted_search_returns_what_there_is_and_goes_on_to_the_same_end(
    problem: Any, uninterrupted: tuple[bytes, Result, int], tmp_path: Path
) -> None:
    content, result, calls = uninterrupted
    for stop in [0, 1, 8, 11, 13, 14, calls - 1]:
        path = tmp_path / str(stop) / "ledger.jsonl"
        first = full_search(problem, Counted(problem, interrupt=stop), path)
        assert first.stopped == "interrupted"
        assert first.trials == result.trials[:stop]
        assert content.startswith(path.read_bytes())
        second = Counted(problem)
        assert full_search(problem, second, path) == result
        assert len(second.calls) == calls - stop
        assert path.read_bytes() == content


def test_a_search_in_memory_finds_the_same(problem: Any, uninterrupted: tuple[bytes, Result, int]) -> None:
    assert full_search(problem, Counted(problem)) == uninterrupted[1]


@pytest.mark.parametrize("fewer", [3, 8, 19])
def test_more_candidates_can_be_asked_for_later(
    problem: Any, uninterrupted: tuple[bytes, Result, int], tmp_path: Path, fewer: int
) -> None:
    path = tmp_path / "ledger.jsonl"
    before = full_search(problem, Counted(problem), path, candidates=fewer)
    assert before.candidates == fewer
    objective = Counted(problem)
    assert full_search(problem, objective, path) == uninterrupted[1]
    assert not set(objective.calls) & {trial.slot for trial in before.trials}
    again = Counted(problem)
    assert full_search(problem, again, path) == uninterrupted[1]
    assert again.calls == []


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError, KeyError, RuntimeError, ValueError, TypeError, OSError, AssertionError, MemoryError],
)
def test_a_function_that_raises_costs_one_trial(error: type[Exception]) -> None:
    def function(point: Point, epochs: int) -> Mapping[str, float]:
        if int(point["x"]) % 5 == 0:
            raise error("no luck")
        return line_loss(point, epochs)

    result = on_line(function)
    failed = [trial for trial in result.trials if trial.status is Status.FAILED]
    assert failed
    assert all(trial.genome[0] % 5 == 0 and trial.rung == 0 for trial in failed)
    assert all(trial.reason.startswith(f"{error.__name__}: ") and "no luck" in trial.reason for trial in failed)
    assert all(trial.genome[0] % 5 for trial in result.trials if trial.status is Status.COMPLETED)
    assert result.candidates == 16


@pytest.mark.parametrize(
    ("outcome", "status", "reason"),
    [
        ({"val_loss": nan}, Status.REJECTED, "val_loss is nan"),
        ({"val_loss": inf, "params": 3}, Status.REJECTED, "val_loss is inf"),
        ({"params": 3}, Status.REJECTED, "the outcome has no 'val_loss'; it has params"),
        ({}, Status.REJECTED, "the outcome has no 'val_loss'; it has no numbers"),
        (None, Status.FAILED, "TypeError: "),
    ],
    ids=["nan", "inf", "other", "empty", "none"],
)
def test_an_answer_without_a_finite_loss_becomes_a_row_with_a_reason(
    outcome: Any, status: Status, reason: str, tmp_path: Path
) -> None:
    with closing(Ledger(tmp_path / "ledger.jsonl")) as ledger:
        result = on_line(lambda point, _: outcome if point["x"] < 500 else {"val_loss": 1.0}, ledger=ledger)
        assert tuple(ledger.trials) == result.trials
    bad = [trial for trial in result.trials if trial.genome[0] < 500]
    assert bad
    assert {trial.status for trial in bad} == {status}
    assert all(trial.reason.startswith(reason) and trial.values == () and trial.rung == 0 for trial in bad)
    assert result.front


def test_numbers_of_numpy_are_recorded_as_plain_ones(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"

    def function(point: Point, epochs: int) -> Mapping[str, Any]:
        return {"val_loss": np.float32(int(point["x"])), "params": np.int64(7), "flag": np.bool_(True)}

    with closing(Ledger(path)) as ledger:
        first = on_line(function, ledger=ledger)
    with closing(Ledger(path)) as ledger:
        assert on_line(function, ledger=ledger) == first
    assert first.trials[0].outcome == {"val_loss": float(first.trials[0].genome[0]), "params": 7, "flag": 1}


def test_the_best_of_each_generation_are_promoted_and_nobody_else() -> None:
    result = on_line(candidates=24)
    for generation in range(3):
        mine = [trial for trial in result.trials if trial.generation == generation]
        for rung, quota in ((1, 4), (2, 2)):
            below = [trial for trial in mine if trial.rung == rung - 1]
            expected = {trial.candidate for trial in sorted(below, key=lambda trial: trial.values)[:quota]}
            assert {trial.candidate for trial in mine if trial.rung == rung} == expected


def test_only_completed_trials_are_promoted() -> None:
    def function(point: Point, epochs: int) -> Mapping[str, float]:
        if int(point["x"]) % 3 == 0:
            raise ValueError("no")
        return {"val_loss": nan} if int(point["x"]) % 3 == 1 else line_loss(point, epochs)

    result = on_line(function, candidates=48, max_failures=1.0)
    assert Counter(trial.rung for trial in result.trials)[0] == 48
    for trial in result.trials:
        below = [t for t in result.trials if t.candidate == trial.candidate and t.rung == trial.rung - 1]
        assert trial.rung == 0 or [t.status for t in below] == [Status.COMPLETED]


def test_each_rung_goes_on_from_the_one_before() -> None:
    result = on_line()
    assert {(trial.rung, trial.start, trial.epochs) for trial in result.trials} == {(0, 0, 1), (1, 1, 2), (2, 2, 4)}


def test_epochs_are_counted_once(problem: Any) -> None:
    result = on_line()
    assert result.epochs_spent == RUNGS.cost(16) == sum(trial.epochs_spent for trial in result.trials)


def test_rejected_trials_count_as_far_as_they_ran() -> None:
    def objective(trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            if trial.genome[0] % 2:
                yield trial.rejected("at chance level", {"epochs": 0.25, "epoch_flops": 100.0})
            else:
                yield trial.completed({"val_loss": 1.0, "epoch_flops": 100.0})

    result = search(LINE, objective, Random(LINE), Full(4, 10), measures=LOSS, candidates=40)
    odd = sum(trial.genome[0] % 2 for trial in result.trials)
    assert 0 < odd < 40
    assert result.epochs_spent == 0.25 * odd + 4 * (40 - odd)
    assert sum(trial.flops for trial in result.trials) == 100 * result.epochs_spent


def test_trials_rejected_after_training_count_in_full() -> None:
    rejected = on_line(lambda point, epochs: {"other": 1.0})
    assert {trial.status for trial in rejected.trials} == {Status.REJECTED}
    assert rejected.epochs_spent == 16
    outliers = on_line(rejection=Rejection(max_loss=0.0), schedule=Full(24, 8))
    assert outliers.epochs_spent == 16 * 24


def test_outliers_are_judged_by_what_was_known_before_their_batch() -> None:
    result = on_line(candidates=40, rejection=Rejection(mad_factor=1.0, earlier=8), schedule=Full(1, 8))
    by_generation = [[t for t in result.trials if t.generation == g] for g in range(5)]
    assert {trial.status for trial in by_generation[0]} == {Status.COMPLETED}
    earlier = [float(trial.genome[0]) for trial in by_generation[0]]
    for trials in by_generation[1:]:
        middle = float(np.median(earlier))
        bound = middle + float(np.median(np.abs(np.array(earlier) - middle)))
        for trial in trials:
            assert (trial.status is Status.REJECTED) == (trial.genome[0] > bound)
        earlier += [float(trial.genome[0]) for trial in trials if trial.status is Status.COMPLETED]
    assert any(trial.status is Status.REJECTED for trial in result.trials)


@pytest.mark.parametrize("budget", range(1, 40))
def test_no_more_epochs_are_spent_than_allowed(budget: int) -> None:
    result = on_line(candidates=160, max_epochs=budget)
    assert budget - RUNGS.rungs[0].epochs < result.epochs_spent <= budget
    assert result.stopped.startswith(f"{result.epochs_spent:g} of search.max_epochs={budget} epochs are spent")
    whole = on_line(candidates=160).trials
    first = [trial for trial in result.trials if trial.generation == 0 and trial.rung == 0]
    assert first == [*whole][: len(first)]


def test_a_budget_that_ends_at_a_promotion_goes_to_the_best() -> None:
    lowest, second = RUNGS.rungs[:2]
    budget = lowest.epochs * lowest.quota + 2 * (second.epochs - lowest.epochs)
    result = on_line(candidates=lowest.quota, max_epochs=budget)
    assert {trial.candidate for trial in result.at(1)} == {trial.candidate for trial in best(result.at(0), 2)}


def test_no_generation_starts_once_the_time_is_spent() -> None:
    def objective(trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            yield trial.completed({"val_loss": 1.0}, seconds=2.0)

    result = search(LINE, objective, Random(LINE), Full(1, 5), measures=LOSS, candidates=99, max_seconds=11)
    assert result.stopped == "11 seconds of trial time are spent, those of jobs side by side added up"
    assert result.candidates == 10


@pytest.mark.parametrize(("share", "stops"), [(0.5, True), (0.625, False), (1.0, False)])
def test_the_circuit_breaker_stops_when_too_many_fail(share: float, stops: bool) -> None:
    def objective(trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            bad = int(trial.candidate[1:]) % 8 < 5
            yield trial.failed("RuntimeError: out of memory") if bad else trial.completed({"val_loss": 1.0})

    result = search(LINE, objective, Random(LINE), Full(1, 8), measures=LOSS, candidates=24, max_failures=share)
    if stops:
        assert result.stopped == "5 of 8 candidates of generation 0 failed: RuntimeError: out of memory"
    assert result.candidates == (8 if stops else 24)


def test_rejections_do_not_break_the_circuit() -> None:
    assert on_line(lambda point, epochs: {}, max_failures=0.0).candidates == 16


def test_an_exhausted_space_ends_the_search() -> None:
    space = SearchSpace({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    objective = per_point(space, lambda point, epochs: {"val_loss": float(int(point["a"]))})
    result = search(space, objective, NSGA2(space), RUNGS, measures=LOSS, candidates=50)
    assert result.stopped == "the space holds no more candidates"
    assert {trial.genome for trial in result.trials} == set(space.every())
    assert result.candidates == 9


def test_two_hundred_candidates_do_no_more_work_than_the_schedule_says(problem: Any) -> None:
    schedule = Halving([3, 8, 24], [20, 8, 4])
    work: Counter[str] = Counter()

    def admits(point: Point) -> bool:
        work["admitted"] += 1
        return True

    def evaluate(point: Point, epochs: int) -> Mapping[str, float]:
        work["evaluated"] += 1
        return problem.evaluate(point, epochs)

    space = SearchSpace({d.key: d.values for d in problem.space.dimensions}, admits=admits)
    result = search(
        space, per_point(space, evaluate), NSGA2(space), schedule, measures=problem.measures,
        shrinkage=Shrinkage(), rejection=Rejection(),
    )  # fmt: skip
    assert (result.candidates, result.stopped) == (200, "200 candidates are done")
    assert result.epochs_spent <= schedule.cost(200) == 1640
    assert len({trial.slot for trial in result.trials}) == len(result.trials) == work["evaluated"] <= 320
    assert result.hypervolume > 0
    assert work["admitted"] < 3 * 200


def test_the_seed_of_a_candidate_is_its_own_at_every_rung(uninterrupted: tuple[bytes, Result, int]) -> None:
    _, result, _ = uninterrupted
    seeds = {trial.candidate: trial.seed for trial in result.trials}
    assert all(trial.seed == seeds[trial.candidate] == trial_seed(trial.overrides, 7) for trial in result.trials)
    assert len(set(seeds.values())) == 28
    assert trial_seed(("x=1",), 0) != trial_seed(("x=1",), 1)
    assert 0 <= trial_seed(("x=1",), 0) < 2**31


def test_the_front_is_of_the_highest_rung_only() -> None:
    # A rung's values all lie below those of the rungs above: mixing them would put the lowest rung in front.
    result = on_line(lambda point, epochs: {"val_loss": int(point["x"]) + 10_000.0 * epochs})
    assert {trial.rung for trial in result.front} == {2}
    assert result.knee == result.best == min(result.at(2), key=lambda trial: trial.values)


@pytest.mark.parametrize(
    ("target", "expected"),
    [(500.0, {"val_loss": 0.5, "params": 400.0}), (50.0, {"val_loss": 0.7, "params": 100.0})],
)
def test_the_best_is_the_lowest_loss_within_the_target_or_else_the_nearest(
    target: float, expected: Mapping[str, float]
) -> None:
    answers = [(0.3, 900.0), (0.5, 400.0), (0.7, 100.0), (0.9, 500.0)]
    space = SearchSpace({"x": range(4)})

    def function(point: Point, epochs: int) -> Mapping[str, float]:
        loss, params = answers[int(point["x"])]
        return {"val_loss": loss, "params": params}

    measures = [Measure("val_loss"), Measure("params", target)]
    result = search(space, per_point(space, function), Random(space), Full(1, 4), measures=measures, candidates=4)
    assert result.best is not None
    assert result.best.outcome == expected


def test_the_error_rate_can_be_a_target() -> None:
    measures = [Measure("val_err1", target=0.5)]
    result = on_line(lambda point, epochs: {"val_acc1": int(point["x"]) / 1000}, measures=measures, candidates=8)
    assert result.best is not None
    assert result.best.values == (abs(1 - result.best.outcome["val_acc1"] - 0.5) / 0.5,)


def test_the_relative_distance_to_a_target_is_minimised() -> None:
    measure = Measure("params", target=200.0)
    assert [measure({"params": params}) for params in (100, 200, 300.0)] == [0.5, 0.0, 0.5]
    with pytest.raises(ValueError, match="params is 1e\\+308"):
        Measure("params", target=1e-9)({"params": 1e308})
    with pytest.raises(ValueError, match=r"the target of 'params' must be above 0, got 0"):
        Measure("params", target=0)


def test_watchers_see_new_trials_before_and_all_trials_after_each_rung(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int, int]] = []

    class Notes(Watcher):
        def start(self, generation: int, rung: int, trials: Sequence[Trial]) -> None:
            seen.append(("start", generation, rung, len(trials)))

        def finish(self, generation: int, rung: int, trials: Sequence[Trial], result: Result) -> None:
            seen.append(("finish", generation, rung, len(trials)))
            assert tuple(trials) == result.trials[-len(trials) :]

    expected = [
        (kind, generation, rung, count)
        for generation in range(2)
        for rung, count in enumerate((8, 4, 2))
        for kind in ("start", "finish")
    ]
    for _ in range(2):
        with closing(Ledger(tmp_path / "ledger.jsonl")) as ledger:
            on_line(watcher=Notes(), ledger=ledger)
        assert seen == expected
        expected = [note for note in expected if note[0] == "finish"]
        seen.clear()


def test_an_objective_may_return_a_list() -> None:
    result = search(
        LINE, lambda trials: [trial.completed({"val_loss": 1.0}) for trial in trials], Random(LINE), Full(1, 4),
        measures=LOSS, candidates=4,
    )  # fmt: skip
    assert len(result.front) == 1


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (lambda trials: [], "no more"),
        (lambda trials: [trial.completed({"val_loss": 1.0}) for trial in trials[::-1]], "c0003"),
        (lambda trials: list(trials), "pending"),
    ],
    ids=["missing", "out of order", "not ended"],
)
def test_an_objective_that_answers_wrongly_is_refused(answer: Any, got: str) -> None:
    with pytest.raises(ValueError, match=rf"the objective must yield \('c0000', 0\) next.*it gave .*{got}"):
        search(LINE, answer, Random(LINE), Full(1, 4), measures=LOSS, candidates=4)


@pytest.mark.parametrize("settings", [{"candidates": 0}, {"measures": ()}])
def test_a_search_for_nothing_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a search needs at least one candidate and one measure, got"):
        on_line(**settings)
