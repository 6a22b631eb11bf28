"""Teacher assistants: who learns from whom, what is kept and under which key, and the commands."""

import json
from pathlib import Path

import pytest
import torch

from tests.journey import LIGHTNING, SMALL, Commands, small
from uniads import train
from uniads.model import checkpoint
from uniads.model.base import count_params
from uniads.search import __main__ as search
from uniads.settings.training import TrainingSettings
from uniads.teacher.assistants import teaching_key
from uniads.teacher.find import find_teacher
from uniads.teacher.training import load_or_train, teacher_key
from uniads.training.fit import fit
from uniads.training.parts import build_parts, load_data

pytestmark = LIGHTNING
QUICK = ("teacher.recipe.epochs=1", "teacher.recipe.milestones=[]", "data.train_size=160")


def chained(tmp_path: Path, *overrides: str) -> TrainingSettings:
    return small(tmp_path / "run", f"paths.teacher_dir={tmp_path / 'teachers'}", *QUICK, *overrides)


def key_of(settings: TrainingSettings) -> str:
    return teaching_key(settings, settings.teacher.assistants)


def stored(tmp_path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (tmp_path / "teachers").glob("*.pt")}


def test_without_an_assistant_the_pairs_teacher_teaches(tmp_path: Path) -> None:
    settings = chained(tmp_path)
    data = load_data(settings)
    assert find_teacher(settings, data).file == load_or_train(settings, data).file
    assert key_of(settings) == teacher_key(settings)
    assert find_teacher(settings, data).model is settings.teacher.model


def test_each_teaches_the_next_and_all_are_kept(tmp_path: Path) -> None:
    settings = chained(tmp_path, "+assistant=[resnet20,wrn_16_1]")
    data = load_data(settings)
    torch.manual_seed(5)
    last = find_teacher(settings, data)
    assert last.trained
    assert type(last.network).__name__ == "WideResNet"
    kept = stored(tmp_path)
    assert len(kept) == 3
    first = chained(tmp_path, "+assistant=resnet20")
    assert not find_teacher(first, data).trained, "a chain's first assistant is the same as alone"
    again = find_teacher(settings, data)
    assert not again.trained
    assert again.file == last.file
    weights = last.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in again.network.state_dict().items())
    assert stored(tmp_path) == kept


def test_an_assistant_does_not_depend_on_what_was_trained_just_before(tmp_path: Path) -> None:
    settings = chained(tmp_path, "+assistant=resnet8")
    data = load_data(settings)
    file = find_teacher(settings, data).file
    both = checkpoint.read(file)["model"]
    file.unlink()
    torch.manual_seed(77)
    alone = find_teacher(settings, data)  # its own teacher is stored by now
    assert alone.trained
    assert all(torch.equal(value, both[name]) for name, value in alone.network.state_dict().items())


def test_a_stored_assistant_needs_its_own_teacher_no_more(tmp_path: Path) -> None:
    settings = chained(tmp_path, "+assistant=resnet8")
    data = load_data(settings)
    taught = find_teacher(settings, data)
    for file in (tmp_path / "teachers").glob("*.pt"):
        if file != taught.file:
            file.unlink()
    assert not find_teacher(settings, data).trained
    assert list(stored(tmp_path)) == [taught.file.name]


@pytest.mark.parametrize(
    "other",
    [
        "+assistant=resnet14", "+assistant=[resnet14,resnet8]", "model@teacher.model=resnet20", "teacher.recipe.lr=0.1",
        "teacher.seed=1", "data.noise=9", "teacher.distiller.logits.tau=2", "distiller@teacher.distiller=searched",
        "teacher.stop_epoch=1",
    ],
)  # fmt: skip
def test_what_an_assistant_depends_on_changes_its_key(other: str, tmp_path: Path) -> None:
    mine = () if "assistant" in other else ("+assistant=resnet8",)
    assert key_of(small(tmp_path, *mine, other)) != key_of(small(tmp_path, "+assistant=resnet8"))


@pytest.mark.parametrize(
    "other", ["seed=5", "data.seed=1", "distiller=searched", "distiller.logits.tau=2", "recipe.lr=0.1", "epochs=1"]
)
def test_what_an_assistant_does_not_depend_on_leaves_its_key(other: str, tmp_path: Path) -> None:
    lesson = ("+assistant=resnet8", "+teacher.distiller.until=${seed}")  # a value that follows the training's seed
    assert key_of(small(tmp_path, *lesson, other)) == key_of(small(tmp_path, *lesson))


def test_a_teachers_file_counts_by_its_content(tmp_path: Path) -> None:
    one, other = tmp_path / "one.pt", tmp_path / "other.pt"
    one.write_bytes(b"1")
    other.write_bytes(b"1")
    keys = [key_of(small(tmp_path, "+assistant=resnet8", f"teacher.checkpoint={file}")) for file in (one, other)]
    assert keys[0] == keys[1]
    other.write_bytes(b"22")
    assert key_of(small(tmp_path, "+assistant=resnet8", f"teacher.checkpoint={other}")) != keys[0]


def test_a_network_of_the_users_own_can_assist(tmp_path: Path) -> None:
    settings = small(tmp_path, "+model@assistant=resnet8", "assistant.width=0.5")
    assert [model.facts["width"] for model in settings.teacher.assistants] == [0.5]


def test_the_student_learns_from_the_last_assistant_and_leaves_it_as_it_is(tmp_path: Path) -> None:
    settings = chained(tmp_path, "+assistant=wrn_16_1", "trial=true", "recipe.epochs=1", "recipe.milestones=[]")
    parts = build_parts(settings)
    assert parts.teacher
    assert parts.teacher.file.name.startswith("wideresnet-")
    kept = stored(tmp_path)
    outcome = fit(settings)
    assert outcome.params == count_params(parts.student)
    assert outcome.teacher_val_acc1 == parts.teacher.val_acc1
    assert stored(tmp_path) == kept


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("+assistant=resnet57",), ["no network 'resnet57'", "Did you mean resnet56", "assistant"]),
        (("+assistant=[resnet14,wrn]",), ["no network 'wrn'", "wrn_", "assistant"]),
        (("+assistant=resnet8", "distiller=plain"), ["asks no teacher", "remove +assistant"]),
        (("+assistant=resnet8", "distiller@teacher.distiller=dml"), ["teacher.distiller asks no teacher", "try kd"]),
        (("+assistant=resnet8", "teacher.checkpoint=none.pt"), ["no checkpoint at none.pt"]),
        (("teacher.stop_epoch=0",), ["teacher.stop_epoch must be a whole number above 0", "got 0"]),
        (("teacher.stop_epoch=9",), ["at most teacher.recipe.epochs=5", "got 9"]),
        (("teacher.stop_epoch=2", f"teacher.checkpoint={__file__}"), ["can't stop a teacher that is trained already"]),
        (("+distiller.until=0.0",), ["distiller.until", "above 0"]),
        (("+distiller.until=1.5",), ["distiller.until", "at most 1.0", "got 1.5"]),
        (("+distiller.until=-3",), ["distiller.until", "got -3"]),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused(
    overrides: tuple[str, ...], words: list[str], command: Commands
) -> None:
    ended = command(train.main, *SMALL, *overrides)
    assert ended.code == 1
    assert ended.error.startswith("error: ")
    for word in words:
        assert word in ended.error
    assert not list(Path().rglob("*.pt")), "something was trained before the mistake was found"


def test_an_early_stopped_teacher_is_the_schedules_own_early_epoch(tmp_path: Path) -> None:
    """Stopped after 1 of 5 epochs it has the learning rate of the 5, so a milestone after 1 changes nothing."""
    asked = (f"paths.teacher_dir={tmp_path / 'teachers'}", "data.train_size=160", "teacher.stop_epoch=1")
    late = small(tmp_path, *asked, "teacher.recipe.milestones=[1]")
    later = small(tmp_path, *asked, "teacher.recipe.milestones=[4]")
    squeezed = small(tmp_path, *asked, "teacher.recipe.epochs=1", "teacher.recipe.milestones=[]")
    weights = [
        load_or_train(settings, load_data(settings)).network.state_dict() for settings in (late, later, squeezed)
    ]
    for other in weights[1:]:
        assert all(torch.equal(value, other[name]) for name, value in weights[0].items())
    assert len(stored(tmp_path)) == 3
    whole = small(tmp_path, "data.train_size=160")
    assert teacher_key(whole) != teacher_key(small(tmp_path, "data.train_size=160", "teacher.stop_epoch=4"))
    assert teacher_key(whole) == teacher_key(small(tmp_path, "data.train_size=160", "teacher.stop_epoch=5"))


@pytest.mark.slow
def test_a_search_and_its_rerun_share_one_assistant(command: Commands, tmp_path: Path) -> None:
    asked = (
        *SMALL, *QUICK, "recipe.epochs=2", "recipe.milestones=[1]", "search=tiny", "space=tiny", "launcher=basic",
        "+assistant=wrn_16_1", "final=false", f"paths.teacher_dir={tmp_path / 'teachers'}",
    )  # fmt: skip
    ended = command(search.main, *asked, f"hydra.run.dir={tmp_path / 'one'}")
    assert ended.code == 0, ended.error
    assert "WideResNet" in ended.out
    kept = stored(tmp_path)
    assert len(kept) == 2
    again = command(search.main, *asked, f"hydra.run.dir={tmp_path / 'two'}")
    assert again.code == 0, again.error
    assert stored(tmp_path) == kept


@pytest.mark.slow
def test_a_command_trains_a_chain(command: Commands, tmp_path: Path) -> None:
    places = (f"paths.teacher_dir={tmp_path / 'teachers'}", f"hydra.run.dir={tmp_path / 'run'}")
    ended = command(train.main, *SMALL, *QUICK, *places, "+assistant=[resnet20,resnet14]")
    assert ended.code == 0, ended.error
    assert json.loads((tmp_path / "run" / "outcome.json").read_text())["test_acc1_last"] > 0.25
    assert len(stored(tmp_path)) == 3
