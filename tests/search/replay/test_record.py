"""A recorded ledger as objective."""

import gzip
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from math import exp, log
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.journey import RECORDED
from uniads.search import (
    NSGA2,
    Halving,
    Ledger,
    Measure,
    Point,
    Random,
    SearchSpace,
    Status,
    Switch,
    Trial,
    per_point,
    search,
)
from uniads.search.replay.contest import curve, play
from uniads.search.replay.known import known_candidates, known_students
from uniads.search.replay.record import Record
from uniads.search.replay.replay import Replay
from uniads.search.replay.surrogate import Surrogate, is_hopeless

DIMENSIONS: dict[str, Any] = {
    "student.depth": [1, 3, 5, 7],
    "student.width": [0.5, 1, 1.5, 2],
    "distance": ["kl", "l2", "cosine"],
    "weight": [0.1, 1, 10],
}
RUNGS = Halving([1, 4], [10, 10])
GOOD = {"kl": 0.0, "l2": 1.0, "cosine": 0.5}


def evaluate(point: Point, epochs: int) -> Mapping[str, float]:
    """Parameters are exact in depth and width; the logarithm of the loss is a sum over the genes."""
    depth, width = float(str(point["student.depth"])), float(str(point["student.width"]))
    loss = exp(
        GOOD[str(point["distance"])] - log(epochs) / 2 - 0.1 * depth + 0.2 * abs(log(float(str(point["weight"]))))
    )
    return {"val_loss": loss, "params": 100 * depth * width**2 + 10 * width}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recorded random search of sixty candidates of 144, with a target that only the rows tell."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    space = SearchSpace(DIMENSIONS)
    header = {
        "space": DIMENSIONS,
        "measures": {"loss": {"name": "val_loss", "target": None}, "size": {"name": "params", "target": "pair"}},
    }
    measures = (Measure("val_loss"), Measure("params", target=777))
    with closing(Ledger(path, header)) as kept:
        search(space, per_point(space, evaluate), Random(space), RUNGS, measures=measures, candidates=60, ledger=kept)
    return path


@pytest.fixture(scope="module")
def record(ledger: Path) -> Record:
    return Record.of(ledger)


def asked(record: Record, genome: tuple[int, ...], epochs: int) -> Trial:
    return Trial("c0000", genome, record.space.overrides(genome), 0, 0, epochs, 0)


def unrecorded(record: Record) -> tuple[int, ...]:
    known = {trial.genome for trial in record.trials}
    return next(genome for genome in record.space.every() if genome not in known)


def test_the_same_search_on_its_own_record_ends_the_same(record: Record) -> None:
    replay = Replay(record)
    again = search(record.space, replay, Random(record.space), RUNGS, measures=record.measures, candidates=60)
    assert [trial.row() for trial in again.trials] == [trial.row() for trial in record.trials]


def test_the_target_follows_from_the_rows(record: Record) -> None:
    assert record.measures[1].target == pytest.approx(777)
    assert record.rungs == (1, 4)


def test_what_the_ledger_lacks_is_answered_by_the_surrogate_and_marked(record: Record) -> None:
    genome = unrecorded(record)
    (told,) = Replay(record, surrogate=record.surrogate(noise=False))([asked(record, genome, 4)])
    truth = evaluate(record.space.point(genome), 4)
    assert told.status is Status.COMPLETED
    assert told.outcome["surrogate"] == 1
    assert told.outcome["params"] == round(truth["params"])
    assert log(told.outcome["val_loss"]) == pytest.approx(log(truth["val_loss"]), abs=0.7)
    (known,) = Replay(record)([asked(record, record.trials[0].genome, 1)])
    assert "surrogate" not in known.outcome


def test_without_a_surrogate_it_costs_one_trial(record: Record) -> None:
    (told,) = Replay(record)([asked(record, unrecorded(record), 4)])
    assert told.status is Status.FAILED
    assert "no surrogate" in told.reason


def test_forests_that_learned_a_rule_say_so(record: Record) -> None:
    found = {(fit.name, fit.epochs): fit for fit in record.surrogate().accuracy()}
    assert found["val_loss", 4].r2 > 0.7
    assert found["val_loss", 4].kendall_tau > 0.6
    assert record.surrogate().origins["params"].startswith("exact")


def test_predictions_depend_on_genome_and_seed_alone(record: Record) -> None:
    genomes = [genome for genome in record.space.every()][:9]
    one, other = record.surrogate(), record.surrogate()
    together = one.predict(genomes)
    alone = [other.predict([genome])[0] for genome in reversed(genomes)][::-1]
    assert together == alone
    assert one.reseed(5).predict(genomes) != together


def test_between_rungs_is_interpolated_and_beyond_refused(record: Record) -> None:
    surrogate = record.surrogate(noise=False)
    (told,) = surrogate.predict([unrecorded(record)])
    losses = [surrogate.numbers(told, epochs)["val_loss"] for epochs in (1, 2, 4)]
    assert log(losses[1]) == pytest.approx((log(losses[0]) + log(losses[2])) / 2)
    with pytest.raises(ValueError, match=r"recorded at \[1, 4\] epochs and can't answer for 8"):
        surrogate.numbers(told, 8)


def test_a_rejection_inside_the_training_is_replayed_and_learned(record: Record) -> None:
    """Candidates with the distance l2 are stopped; those thrown out after their end are completed."""
    stopped = []
    for trial in record.trials:
        if trial.genome[2] == 1 and trial.rung == 0:
            trial = replace(trial, values=()).rejected(
                "chance level", {"epochs": 0.5, "params": trial.outcome["params"]}
            )
        elif trial.rung == 0 and trial.candidate == "c0002":
            trial = replace(trial, values=()).rejected("an outlier", trial.outcome)
        if trial.genome[2] != 1 or trial.rung == 0:
            stopped.append(trial)
    mended = replace(record, trials=tuple(stopped))
    replay = Replay(mended, surrogate=mended.surrogate(noise=False))
    recorded = next(trial for trial in stopped if is_hopeless(trial))
    (told,) = replay([asked(record, recorded.genome, 1)])
    assert (told.status, told.reason, told.epochs_spent) == (Status.REJECTED, "chance level", 0.5)
    new = next(g for g in record.space.every() if g[2] == 1 and g not in {trial.genome for trial in stopped})
    (told,) = replay([asked(record, new, 1)])
    assert (told.status, told.epochs_spent) == (Status.REJECTED, 0.5)
    outlier = next(trial for trial in stopped if trial.reason == "an outlier")
    (told,) = replay([asked(record, outlier.genome, 1)])
    assert told.status is Status.COMPLETED


def test_a_surrogate_needs_candidates(record: Record) -> None:
    with pytest.raises(ValueError, match="a surrogate needs 20"):
        Surrogate(record.space, [trial for trial in record.trials if trial.candidate < "c0010"])


def test_measures_that_were_not_recorded_are_refused(record: Record) -> None:
    with pytest.raises(ValueError, match="can't answer for 'latency'"):
        record.replay(record.space, [Measure("latency")])


def test_known_candidates_are_all_that_their_space_holds(record: Record) -> None:
    space = known_candidates(record)
    known = {trial.genome for trial in record.trials}
    assert {space.repair(genome) for genome in record.space.every()} == known
    result = search(space, Replay(record, space), NSGA2(space), RUNGS, measures=record.measures, candidates=40)
    assert all("surrogate" not in trial.outcome for trial in result.trials)
    assert {trial.status for trial in result.trials} == {Status.COMPLETED}


def test_a_recommendation_is_judged_at_the_final_epochs(record: Record) -> None:
    space = known_candidates(record)
    result, steps = play(Random(space), Halving([1], [10]), Replay(record, space), record.measures, 40, 4)
    assert {trial.epochs for trial in result.trials} == {1}
    best = result.best
    assert best
    final = evaluate(space.point(best.genome), 4)
    within = final["params"] <= 777
    reference = record.measures[0].reference
    assert steps[-1].loss == pytest.approx(min(final["val_loss"], reference) if within else reference)
    assert [step.epochs_spent for step in steps] == [10, 20, 30, 40]
    assert curve(steps, "epochs_spent", [0, 10, 39, 40], -1.0).tolist() == [-1, 10, 30, 40]


def test_a_ledger_without_space_or_trials_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "bare.jsonl", {}).close()
    with pytest.raises(ValueError, match="holds no trial yet"):
        Record.of(tmp_path / "bare.jsonl")
    trial = Trial("c0000", (1,), ("x=2",), 0, 0, 3, 77)
    measures = {"loss": {"name": "val_loss", "target": None}}
    for name, header, ended, message in (
        ("failed", {"space": {"x": [1, 2]}, "measures": measures}, trial.failed("OSError"), "no completed trial"),
        ("spaceless", {"measures": measures}, trial.completed({"val_loss": 1.0}), "has no space, and not every value"),
        ("aimless", {"space": {"x": [1, 2]}}, trial.completed({"val_loss": 1.0}), "does not say what was minimised"),
    ):
        with closing(Ledger(tmp_path / f"{name}.jsonl", header)) as ledger:
            ledger.append(replace(ended, values=(1.0,) if ended.status is Status.COMPLETED else ()))
        with pytest.raises(ValueError, match=message):
            Record.of(tmp_path / f"{name}.jsonl")


def test_a_record_has_the_measures_of_its_header_with_references_of_its_own(ledger: Path, tmp_path: Path) -> None:
    """Headers of this version hold exact measures; the reference is still the median of the highest rung."""
    header, *rows = ledger.read_text().splitlines()
    fields = json.loads(header)
    fields["fingerprint"]["minimised"] = [
        {"name": "val_loss", "target": None, "reference": 9.0},
        {"name": "params", "target": 777, "reference": 1.0},
    ]
    new = tmp_path / "new.jsonl"
    new.write_text("\n".join([json.dumps(fields), *rows]) + "\n")
    old_record, new_record = Record.of(ledger), Record.of(new)
    losses = [trial.values[0] for trial in new_record.trials if trial.epochs == 4 and trial.values]
    assert new_record.measures == (Measure("val_loss", None, median(losses)), Measure("params", 777, 1.0))
    assert new_record.measures[0] == old_record.measures[0]
    assert old_record.measures[1].target == pytest.approx(777)


def test_trials_that_mean_the_same_have_one_answer() -> None:
    """A weight of 0 makes the distance idle; the record holds one spelling, and is asked for another."""
    space = SearchSpace({"weight": [0, 1], "distance": ["kl", "l2"]}, switches=[Switch("weight", (0,), ("distance",))])
    trial = Trial("c0000", (0, 1), ("weight=0",), 0, 0, 3, 7).completed({"val_loss": 0.5})
    record = Record(space, (Measure("val_loss"),), (3,), (trial,))
    free = SearchSpace({"weight": [0, 1], "distance": ["kl", "l2"]})
    for genome in ((0, 0), (0, 1)):
        (answer,) = Replay(record, free)([Trial("c0001", genome, free.overrides(genome), 0, 0, 3, 7)])
        assert answer.outcome == {"val_loss": 0.5}
    assert set(known_candidates(record).every()) == {(0, 0)}


def test_the_shipped_ledger_is_searched_again() -> None:
    record = Record.of(RECORDED)
    assert len({trial.candidate for trial in record.trials}) == 300
    assert record.rungs == (1, 2, 4)
    assert record.measures[1].target == pytest.approx(272_186)
    surrogate = record.surrogate()
    assert surrogate.origins["params"].startswith("exact")
    space = known_students(record, surrogate)
    schedule = Halving([1, 2, 4], [20, 8, 4])
    done = search(
        space, Replay(record, space, surrogate), NSGA2(space), schedule, measures=record.measures, candidates=60
    )
    assert done.best is not None
    assert max(trial.outcome["params"] for trial in done.trials) <= 855_482


def test_the_shipped_ledger_names_no_place() -> None:
    text = gzip.decompress(RECORDED.read_bytes()).decode()
    assert "/" not in text
