"""A training, its files and a search with a distiller that trains another network in the student's place."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.journey import EASY, LIGHTNING, SMALL, Commands, search_space, small
from uniads import build, evaluate, fit
from uniads.bridge.trust import connect_saved_network
from uniads.error import UserError
from uniads.model import checkpoint
from uniads.model.base import count_params
from uniads.model.connected import CONNECTED, Connected
from uniads.search import __main__ as search
from uniads.search.ledger import read
from uniads.teacher.assistants import find_last
from uniads.teacher.identity import load_data
from uniads.training.parts import build_parts

pytestmark = LIGHTNING
SIMKD = ("distiller=simkd", "model@teacher.model=wrn_16_1", "teacher.recipe.epochs=2")
SHAPE = {"num_classes": 4, "in_channels": 1}
CONNECTOR = 64 * 32 + 9 * 32 * 32 + 32 * 64 + 2 * (32 + 32 + 64)

ALONE = """
import sys, torch
from pathlib import Path
from uniads.bridge.trust import build_saved_network, connect_saved_network
from uniads.model import checkpoint
file, answer = map(Path, sys.argv[1:])
saved = checkpoint.read(file)
shape = {"num_classes": saved["num_classes"], "in_channels": saved["in_channels"]}
body = build_saved_network(file, saved["config"], shape)
network = connect_saved_network(file, body, saved["connected"], saved["num_classes"]).eval()
checkpoint.load(network, saved["model"], str(file))
image = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    torch.save(network(image).logits, answer)
"""


@pytest.fixture
def teachers(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'connected_teachers'}"


def weights(file: Path) -> Mapping[str, torch.Tensor]:
    found: Mapping[str, torch.Tensor] = checkpoint.read(file)["model"]
    return found


def test_the_student_is_trained_counted_and_kept_with_its_connector(
    teachers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    settings = small(run, teachers, *SIMKD)
    parts = build_parts(settings)
    assert parts.teacher is not None
    before = parts.teacher.file.read_bytes()
    outcome = fit(settings)
    assert outcome.rejected is None
    bare = count_params(build("model", "resnet8", **SHAPE))
    assert outcome.params == bare + CONNECTOR == count_params(parts.student)
    assert parts.teacher.file.read_bytes() == before
    state = torch.load(run / "last.ckpt", weights_only=False)["state_dict"]
    assert torch.equal(state["student.classifier.weight"], parts.teacher.network.fc.weight)
    assert not [key for key in state if key.startswith("distiller.")]
    commands = Commands(monkeypatch, capsys)
    for name, score in (("student.pt", outcome.test_acc1_last), ("student_best.pt", outcome.test_acc1_best)):
        assert checkpoint.read(run / name)[CONNECTED] == {
            "channels": 64, "width": 64, "size": [2, 2], "bias": True, "factor": 2,
        }  # fmt: skip
        ended = commands(evaluate.main, *EASY, f"checkpoint={run / name}", "part=test")
        assert ended.code == 0, ended.error
        assert f"{outcome.params:,} parameters" in ended.out
        assert f"test accuracy {score:.2%}" in ended.out


def test_an_exported_student_says_the_same_in_a_process_that_never_saw_the_teacher(
    teachers: str, tmp_path: Path
) -> None:
    settings = small(tmp_path / "run", teachers, *SIMKD, "recipe.epochs=1")
    parts = build_parts(settings)
    fit(settings)
    file, answer = tmp_path / "run" / "student.pt", tmp_path / "answer.pt"
    ended = subprocess.run([sys.executable, "-c", ALONE, file, answer], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    parts.student.load_state_dict(dict(weights(file)))
    image = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = parts.student.eval()(image).logits
    torch.testing.assert_close(torch.load(answer, weights_only=True), wanted, rtol=1e-5, atol=1e-6)


def test_a_training_that_was_stopped_goes_on_to_the_bit(teachers: str, tmp_path: Path) -> None:
    fit(small(tmp_path / "whole", teachers, *SIMKD, "recipe.epochs=2"))
    for stop in (1, 2):
        fit(small(tmp_path / "parts", teachers, *SIMKD, "recipe.epochs=2", f"stop_epoch={stop}"))
    whole, parts = (weights(tmp_path / name / "student.pt") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[key]) for key, value in whole.items())


def test_no_other_training_knows_of_it(teachers: str, tmp_path: Path) -> None:
    fit(small(tmp_path / "run", teachers, "recipe.epochs=1"))
    assert CONNECTED not in checkpoint.read(tmp_path / "run" / "student.pt")


def test_an_assistant_stays_the_network_that_is_asked_for(teachers: str, tmp_path: Path) -> None:
    settings = small(tmp_path / "run", teachers, "+assistant=resnet8", "distiller@teacher.distiller=simkd")
    with pytest.raises(UserError, match=r"teacher\.distiller trains another network in the assistant's place"):
        find_last(settings, load_data(settings), settings.teacher.assistants, None)


FACTS: dict[str, Any] = {"channels": 64, "width": 8, "size": [2, 2], "bias": True, "factor": 2}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ("os.system", "must say channels, width and factor in whole numbers"),
        ({}, "must say channels"),
        (FACTS | {"_target_": "os.system"}, "must say channels"),
        (FACTS | {"width": "8"}, "must say channels"),
        (FACTS | {"width": True}, "must say channels"),
        (FACTS | {"bias": 1}, "must say channels"),
        (FACTS | {"size": [2]}, "must say channels"),
        (FACTS | {"size": [2, 2.5]}, "must say channels"),
        (FACTS | {"factor": 0}, "a connected student's factor must be at least 1, got 0"),
        (FACTS | {"width": 10**30}, "values that no network can have"),
    ],
)
def test_a_file_can_say_only_how_a_student_is_connected(facts: Any, message: str) -> None:
    with torch.device("meta"), pytest.raises(UserError, match=rf"file\.pt.*{message}") as said:
        connect_saved_network(Path("file.pt"), build("model", "resnet8", **SHAPE), facts, 4)
    assert "\n" not in str(said.value)


def test_a_file_that_says_nothing_holds_the_network_itself() -> None:
    body = build("model", "resnet8", **SHAPE)
    assert connect_saved_network(Path("file.pt"), body, None, 4) is body
    assert isinstance(connect_saved_network(Path("file.pt"), body, FACTS, 4), Connected)


START = "search.warm_start=[plain,simkd]"


def test_a_search_counts_a_student_as_its_distiller_dresses_it() -> None:
    shape = {"num_classes": 10, "in_channels": 3}
    found = search_space("+pair=resnet56-resnet20", START, shape=shape)
    bare = count_params(build("model", "resnet20", **shape))
    genomes = found.warm_start.genomes(found.space)
    counts = [found.students.count(found.space.point(genome)) for genome in genomes]
    assert counts == [bare, bare + CONNECTOR]
    assert found.students.estimate({"distiller": "simkd"}) == bare + CONNECTOR
    assert found.students.count({}) == bare
    taught = search_space("+pair=resnet56-resnet20", START, "+assistant=wrn_16_2", shape=shape)
    wide = 64 * 64 + 9 * 64 * 64 + 64 * 128 + 2 * (64 + 64 + 128) + 128 * 10 + 10
    assert taught.students.count({"distiller": "simkd"}) == bare - (64 * 10 + 10) + wide


def test_a_cap_holds_for_the_dressed_student_and_the_start_is_the_next_smaller() -> None:
    shape = {"num_classes": 10, "in_channels": 3}
    found = search_space("+pair=resnet56-resnet20", START, "search.max_params=pair", shape=shape)
    plain, simkd = found.warm_start.genomes(found.space)
    own = {**found.space.point(plain), "distiller": "simkd"}
    assert found.space.admits(plain)
    assert not found.space.admits(found.space.genome(own))
    assert found.space.admits(simkd)
    smaller = found.space.point(simkd)
    assert all(smaller[key] <= own[key] for key in own if key.startswith("student."))
    tight = search_space("+pair=resnet56-resnet20", START, "search.max_params=30000", shape=shape)
    with pytest.raises(UserError, match="with simkd it and all that are smaller in every number have more"):
        tight.warm_start.genomes(tight.space)


def test_a_searched_reduction_is_counted_with_the_students_of_a_fixed_distiller() -> None:
    factors = "+space.dimensions={distiller.simkd.factor:[1,2]}"
    found = search_space("+pair=resnet56-resnet20", "distiller=simkd", "space=architecture", factors, shape=SHAPE)
    bare = count_params(build("model", "resnet20", **SHAPE))
    wide = 64 * 64 + 9 * 64 * 64 + 64 * 64 + 2 * (64 + 64 + 64)
    assert found.students.count({}) == found.students.count({"distiller.simkd.factor": 2}) == bare + CONNECTOR
    assert found.students.count({"distiller.simkd.factor": 1}) == bare + wide


def test_a_search_that_begins_with_simkd_runs_and_weighs_the_connector(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    ended = Commands(monkeypatch, capsys)(
        search.main, *SMALL, "recipe.epochs=1", "teacher.recipe.epochs=1", "search=tiny", "space=architecture", START,
        "search.candidates=2", "search.offspring=2", "search.rungs=[1]", "search.quotas=[2]", "launcher=basic",
        "final=false", f"paths.teacher_dir={tmp_path / 'teachers'}", f"hydra.run.dir={run}",
    )  # fmt: skip
    assert ended.code == 0, ended.error
    _, trials = read(run / "ledger.jsonl")
    plain, simkd = trials[:2]
    assert [trial.overrides[0] for trial in (plain, simkd)] == ["distiller=plain", "distiller=simkd"]
    assert simkd.status.value == "completed", simkd
    assert simkd.outcome["params"] == plain.outcome["params"] + CONNECTOR
    assert simkd.outcome["flops"] > plain.outcome["flops"]


def test_the_plan_of_a_training_times_the_dressed_student(tmp_path: Path, teachers: str) -> None:
    from uniads.training.timing import time_student

    settings = small(tmp_path / "run", teachers, "distiller=simkd")
    cost = time_student(settings, load_data(settings))
    plain = time_student(small(tmp_path / "other", teachers, "distiller=kd"), load_data(settings))
    assert cost.checkpoint_bytes > plain.checkpoint_bytes


@pytest.mark.parametrize(("distiller", "stopped"), [("kd", True), ("simkd", False)])
def test_a_student_that_learns_from_no_labels_is_not_stopped_at_chance_level(
    distiller: str, stopped: bool, tmp_path: Path, teachers: str
) -> None:
    """A bound that every student is above."""
    outcome = fit(small(tmp_path / "run", teachers, f"distiller={distiller}", "recipe.epochs=1", "chance=0.001"))
    assert (outcome.rejected is not None) == stopped
