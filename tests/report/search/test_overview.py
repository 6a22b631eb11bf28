"""The beginning of a report, and what it says of a front: facts, chance, predictions, commands, every objective."""

import csv
import json
import shlex
from dataclasses import replace
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.report.search.recording import LOSS, SIZE, evaluate, record
from uniads.report.search.overview import build_overview
from uniads.report.search.page import build_sections, write_report
from uniads.report.search.summary import Summary, list_versions
from uniads.search import Halving, Measure, Point
from uniads.search.account import Account
from uniads.terminal.table import build_front_table, list_numbers, write_csv

KNOWN = Summary(
    data="Fake: 3x8x8 images of 10 classes", classes=10, val_images=100, teacher="ResNet", teacher_params=78042,
    teacher_val_acc1=0.5, teacher_file="teachers/resnet.pt", versions="uniads 0.1.0, torch 2.0, python 3.10.1",
)  # fmt: skip


def summarise(directory: Path) -> dict[str, str]:
    sheet = build_overview(Account.of(directory / "ledger.jsonl")).sheet
    assert sheet is not None
    return {str(what): str(value) for what, value in sheet.rows}


def test_it_says_what_was_searched_and_what_came_out(tmp_path: Path) -> None:
    record(tmp_path, {"a": [1, 2, 3]}, candidates=3, seed=7, pair="p", algorithm={"_target_": "x.y.NSGA2"})
    KNOWN.write(tmp_path)
    (tmp_path / "final").mkdir()
    (tmp_path / "final/outcome.json").write_text(json.dumps({"test_acc1_last": 0.875, "epochs": 6, "params": 3000}))
    rows = summarise(tmp_path)
    assert rows["data"] == "Fake: 3x8x8 images of 10 classes"
    assert rows["teacher"] == "ResNet, 78,042 parameters, validation accuracy 50.00% (weights: teachers/resnet.pt)"
    assert (rows["algorithm"], rows["seed"]) == ("NSGA2", "7")
    assert rows["versions"] == KNOWN.versions
    assert rows["spent"].startswith("3 candidates, 6 epochs")
    assert rows["final student"].startswith("test accuracy 87.50% after epoch 6, 3,000 parameters")
    assert rows["best candidate"].startswith("c000")
    assert "params 3,000" in rows["best candidate"]


def test_it_says_nothing_of_what_is_not_known(tmp_path: Path) -> None:
    record(tmp_path, {"a": [1]}, candidates=1)
    assert summarise(tmp_path).keys() == {"spent", "best candidate", "chance level"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("[]", {}), ("{", {}), (b"\xff".decode("latin1"), {}), ("[" * 100_000, {}),
        ('{"classes": 0, "val_images": true, "teacher_val_acc1": NaN, "teacher": 5, "data": "x"}', {"data": "x"}),
        ('{"classes": 3, "val_images": 1e9, "started": "soon"}', {"classes": 3, "started": "soon"}),
    ],
)  # fmt: skip
def test_a_summary_from_elsewhere_is_read_as_far_as_it_is_one(text: str, kept: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(text)
    assert Summary.read(tmp_path) == Summary(**kept)
    assert Summary.read(tmp_path).start is None


def test_a_resumed_search_began_when_it_began(tmp_path: Path) -> None:
    KNOWN.write(tmp_path)
    first = Summary.read(tmp_path)
    assert first.start is not None
    assert first.start.tzinfo == timezone.utc
    replace(KNOWN, versions=list_versions()).write(tmp_path)
    assert Summary.read(tmp_path) == replace(first, versions=list_versions())
    assert "python 3." in list_versions()


def test_who_stands_at_chance_is_named(tmp_path: Path) -> None:
    # 3 standard errors above 1/10 on 100 images: 0.1 + 3 · sqrt(0.1 · 0.9 / 100) = 0.19.
    def half(point: Point, epochs: int) -> dict[str, float]:
        return {**evaluate(point, epochs), "val_acc1": {1: 0.18, 2: 0.2, 3: 0.9}[int(str(point["a"]))]}

    record(tmp_path, {"a": [1, 2, 3]}, half, (LOSS, Measure("params")), candidates=3)
    replace(KNOWN, teacher_val_acc1=0.11).write(tmp_path)
    level = "10.00% (1 of 10 classes)"
    said = summarise(tmp_path)["chance level"]
    assert said == f"{level}; not told apart from it on 100 validation images: the teacher, 1 of 3 points of the front"
    KNOWN.write(tmp_path / ".")
    (tmp_path / "summary.json").unlink()
    assert summarise(tmp_path)["chance level"] == level, "the classes follow from the bound of the loss"


@pytest.mark.parametrize(("teacher", "weak"), [(0.61, False), (0.6, True), (0.5, True), (None, False)])
def test_a_teacher_that_is_no_better_than_its_student_alone_is_named(
    teacher: float | None, weak: bool, tmp_path: Path
) -> None:
    def learn(point: Point, epochs: int) -> dict[str, float]:
        return evaluate(point, epochs) | {"val_acc1": 0.6 if point["distiller"] == "plain" else 0.9}

    record(tmp_path, {"a": (0, 1), "distiller": ("searched", "kd", "plain")}, learn, candidates=6)
    replace(KNOWN, teacher_val_acc1=teacher).write(tmp_path)
    said = summarise(tmp_path).get("warning", "")
    assert bool(said) == weak
    assert not weak or "no better than a student without a teacher, which has 60.00% after 2 of its epochs" in said


def test_baselines_of_the_same_setting_stand_beside_the_winner(tmp_path: Path) -> None:
    directory = tmp_path / "outputs/search/pair/now"
    record(directory, {"distiller": ["searched", "kd"], "a": [2]}, candidates=2, pair="pair", data="fake")
    settings = {
        "pair": "pair",
        "seed": 0,
        "epochs": 6,
        "recipe": {"lr": 0.1},
        "data": {"_target_": "x", "holdout": True},
    }
    write_hydra(directory, {**settings, "search": {"a": 1}}, {})
    trainings = [
        ("a", "kd", 0, {}, 0.5), ("b", "kd", 1, {}, 0.7), ("c", "plain", 0, {}, 0.25),
        ("d", "at", 0, {}, 0.9), ("e", "kd", 2, {"epochs": 7}, 0.9), ("f", "kd", 3, {"recipe": {"lr": 0.2}}, 0.9),
        ("g", "kd", 4, {"pair": "other"}, 0.9), ("h", "kd", 0, {"data": {"_target_": "x", "holdout": False}}, 0.8),
    ]  # fmt: skip
    for name, method, seed, changed, accuracy in trainings:
        place = tmp_path / "outputs/train/pair" / name
        choices = {"distiller": method, "data": "fake", "recipe": "quick"}
        write_hydra(place, {**settings, "seed": seed, **changed}, choices)
        (place / "outcome.json").write_text(json.dumps({"test_acc1_last": accuracy, "params": 1, "epochs": 6}))
    rows = summarise(directory)
    assert rows["plain, pair's own student"].startswith("test accuracy 25.00%, a part of the training set held out")
    assert rows["plain, pair's own student"].endswith("n = 1")
    sheet = build_overview(Account.of(directory / "ledger.jsonl")).sheet
    assert sheet is not None
    kd = [str(value) for what, value in sheet.rows if what == "kd, pair's own student"]
    assert len(kd) == 2
    assert kd[0].startswith("test accuracy 80.00%, on the whole training set")
    assert kd[1].startswith("test accuracy 60.00%, a part of the training set held out")
    assert kd[1].endswith("n = 2")
    assert "val_loss 2.2" in rows["kd, in this search"]


def write_hydra(directory: Path, config: dict[str, Any], choices: dict[str, str]) -> None:
    """What Hydra notes of a job."""
    (directory / ".hydra").mkdir(parents=True, exist_ok=True)
    sources = [{"path": "/own/conf of mine", "provider": "command-line"}]
    hydra = {"hydra": {"runtime": {"choices": choices, "config_sources": sources}}}
    for name, content in (("config", config), ("hydra", hydra), ("overrides", [])):
        (directory / ".hydra" / f"{name}.yaml").write_text(yaml.safe_dump(content))


def test_every_point_of_the_front_has_its_command_with_the_folder_of_own_options(tmp_path: Path) -> None:
    record(tmp_path, {"a": [1, 2, 3, 4]}, seed=5, overrides=["+pair=mine", "data.image_size=[3,8,8]"], rung_epochs=[2])
    write_hydra(tmp_path, {}, {})
    account = Account.of(tmp_path / "ledger.jsonl")
    front = next(section for section in build_sections(account, None) if section.name == "pareto")
    assert len(front.folds) == len(account.result.front) > 1
    for (line, command), trial in zip(front.folds, account.result.front, strict=True):
        assert trial.candidate in line
        words = shlex.split(command)
        assert words[:5] == ["python", "-m", "uniads.train", "--config-dir", "/own/conf of mine"]
        assert {"data.image_size=[3,8,8]", *trial.overrides, f"seed={trial.seed}", "data.seed=5"} <= set(words)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("ledger.jsonl", ".hydra"):
        (tmp_path / name).rename(moved / name)
    assert "/own/conf of mine" in write_report(moved).read_text()


def test_every_objective_is_in_tables_files_and_hover_texts(tmp_path: Path) -> None:
    def with_latency(point: Point, epochs: int) -> dict[str, float]:
        return {**evaluate(point, epochs), "latency_ms": 30.0 / float(str(point["a"])), "flops": 1e6}

    measures = (Measure("val_err1"), SIZE, Measure("latency_ms"), Measure("flops"))
    record(tmp_path, {"a": [1, 2, 3, 4]}, with_latency, measures, Halving([1, 2], [4, 2]))
    page = write_report(tmp_path).read_text()
    names = [measure.name for measure in measures]
    files = tmp_path / "report"
    for file in (files / "front.csv", files / "trials.csv"):
        header = file.read_text().splitlines()[0].split(",")
        assert set(names) <= set(header), file
    result = Account.of(tmp_path / "ledger.jsonl").result
    assert set(names) <= set(list_numbers(result))
    assert set(names) <= {str(column.header) for column in build_front_table(result).columns}
    titles = [line for line in page.split("<title>")[2:] if line.startswith("c000")]
    assert len(titles) == 3 * (4 + 2), "a point for each trial in each of three panels"
    for title in titles:
        assert all(f"{name} " in title.split("</title>")[0] for name in names)
    svg = (files / "pareto.svg").read_text()
    assert svg.count("is better -->") == 6, "each axis says its direction"


def test_what_a_surrogate_made_up_is_marked(tmp_path: Path) -> None:
    def predict(point: Point, epochs: int) -> dict[str, float]:
        known = {name: number for name, number in evaluate(point, epochs).items() if name != "val_acc1"}
        return {**known, **({"surrogate": 1.0} if point["a"] in (1, 2) else {})}

    record(tmp_path, {"a": [1, 2, 3]}, predict, candidates=3, ledger="old.jsonl")
    page = write_report(tmp_path).read_text()
    assert "2 of 3 trials are a surrogate&#39;s predictions, not measured" in page
    assert "nan" not in page.lower().split("<svg")[0]
    result = Account.of(tmp_path / "ledger.jsonl").result
    predicted = {trial.candidate for trial in result.front if "surrogate" in trial.outcome}
    table = build_front_table(result)
    marks, candidates = (list(column.cells) for column in table.columns[:2])
    assert {name for name, mark in zip(candidates, marks, strict=True) if "predicted" in str(mark)} == predicted
    assert [str(column.header) for column in table.columns] == ["", "candidate", "val_loss (nats)", "params"]
    rows = list(csv.DictReader((tmp_path / "report/front.csv").read_text().splitlines()))
    assert {row["candidate"] for row in rows if "predicted" in row[""]} == predicted != set()


def test_a_number_that_a_trial_lacks_is_an_empty_cell(tmp_path: Path) -> None:
    record(tmp_path, {"a": [1, 2]}, candidates=2)
    trials = Account.of(tmp_path / "ledger.jsonl").result.trials
    write_csv(trials, tmp_path / "t.csv", ["val_loss", "speed"])
    assert [row["speed"] for row in csv.DictReader((tmp_path / "t.csv").read_text().splitlines())] == ["", ""]


def _fail(point: Point, epochs: int) -> dict[str, float]:
    raise ValueError("broken")


def _diverge(point: Point, epochs: int) -> dict[str, float]:
    return {"val_loss": float("nan"), "params": 1.0}


@pytest.mark.parametrize(
    ("function", "candidates", "measures"),
    [
        pytest.param(evaluate, 1, (LOSS, SIZE), id="one candidate"),
        pytest.param(evaluate, 2, (LOSS, SIZE), id="two points"),
        pytest.param(_fail, 2, (LOSS, SIZE), id="all failed"),
        pytest.param(_diverge, 2, (LOSS, SIZE), id="all rejected"),
        pytest.param(evaluate, 2, (LOSS,), id="one objective"),
    ],
)
def test_small_searches_are_reported(function: Any, candidates: int, measures: Any, tmp_path: Path) -> None:
    record(tmp_path, {"a": [1, 2]}, function, measures, candidates=candidates)
    page = write_report(tmp_path).read_text()
    account = Account.of(tmp_path / "ledger.jsonl")
    assert ("No trial was completed" in page) == (not account.result.front)
    assert (tmp_path / "report/pareto.png").exists() == (bool(account.result.front) and len(measures) > 1)
    assert f"{candidates} candidate{'' if candidates == 1 else 's'}" in page
