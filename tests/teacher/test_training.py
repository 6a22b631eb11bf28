"""Teachers: trained on first use, reused under a key, and files that are no teachers refused."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from tests.journey import LIGHTNING, small
from uniads import build
from uniads.model import checkpoint
from uniads.settings.training import TrainingSettings
from uniads.teacher.training import load_or_train, measure_accuracy, teacher_key, with_accuracy
from uniads.teacher.watcher import TeacherWatcher
from uniads.training.parts import load_data

pytestmark = LIGHTNING


class Hostile:
    """A pickle of this runs a command that creates a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.victim}",)


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    return small(tmp_path / "run", f"paths.teacher_dir={tmp_path / 'teachers'}")


def asking_for(tmp_path: Path, file: Path) -> TrainingSettings:
    return small(tmp_path / "run", f"teacher.checkpoint={file}")


def test_a_teacher_is_trained_once_and_reused(settings: TrainingSettings) -> None:
    data = load_data(settings)
    first = load_or_train(settings, data)
    assert first.trained
    kept = first.file.read_bytes()
    again = load_or_train(settings, data)
    assert not again.trained
    assert (again.file, again.val_acc1) == (first.file, first.val_acc1)
    assert again.file.read_bytes() == kept
    weights = first.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in again.network.state_dict().items())


def test_its_stored_accuracy_is_what_a_look_at_the_validation_split_finds(settings: TrainingSettings) -> None:
    data = load_data(settings)
    teacher = load_or_train(settings, data)
    assert teacher.val_acc1 is not None
    assert teacher.val_acc1 > 0.4, "it learnt nothing"
    assert measure_accuracy(teacher, settings, data) == pytest.approx(teacher.val_acc1)


def test_training_on_all_images_gets_the_same_teacher_that_never_saw_the_held_out_ones(tmp_path: Path) -> None:
    places = f"paths.teacher_dir={tmp_path / 'teachers'}"
    held, everything = small(tmp_path, places), small(tmp_path, places, "data.holdout=false", "data.seed=7")
    first = load_or_train(everything, load_data(everything))
    assert first.trained
    assert not load_or_train(held, load_data(held)).trained
    assert first.val_acc1 == pytest.approx(measure_accuracy(first, held, load_data(held)))


@pytest.mark.parametrize(
    "other",
    [
        "teacher.model.width=0.5", "model@teacher.model=resnet8", "teacher.recipe.epochs=1", "teacher.recipe.lr=0.1",
        "teacher.seed=1", "data.noise=9", "data.fraction=0.5", "data.val_fraction=0.2", "data.split_seed=1",
        "trainer.limit_train_batches=20", "+trainer.max_steps=9", "+trainer.gradient_clip_val=1",
    ],
)  # fmt: skip
def test_what_a_teacher_depends_on_changes_its_key(other: str, tmp_path: Path) -> None:
    assert teacher_key(small(tmp_path, other)) != teacher_key(small(tmp_path))


@pytest.mark.parametrize(
    "other",
    [
        "data.seed=1", "seed=5", "recipe.lr=0.1", "recipe.epochs=9", "student.width=2", "distiller=searched",
        "data.holdout=false", "epochs=1", "teacher.train=false", "threads=1", "trainer.accelerator=cpu",
    ],
)  # fmt: skip
def test_what_a_teacher_does_not_depend_on_leaves_its_key(other: str, tmp_path: Path) -> None:
    assert teacher_key(small(tmp_path, other)) == teacher_key(small(tmp_path))


def test_a_teacher_of_a_few_batches_is_never_taken_for_a_full_one(settings: TrainingSettings, tmp_path: Path) -> None:
    data = load_data(settings)
    limited = small(tmp_path / "run", f"paths.teacher_dir={tmp_path / 'teachers'}", "trainer.limit_train_batches=1")
    few = load_or_train(limited, data)
    full = load_or_train(settings, data)
    assert few.trained
    assert full.trained
    assert few.file != full.file
    assert few.network.state_dict()["bn1.num_batches_tracked"] == 5, "a batch in each of five epochs"
    assert full.network.state_dict()["bn1.num_batches_tracked"] == 5 * 18
    assert not load_or_train(limited, data).trained


def test_without_weights_and_without_leave_to_train_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    settings = small(tmp_path / "run", f"paths.teacher_dir={tmp_path / 'none'}", "teacher.train=false")
    with pytest.raises(
        ValueError, match=r"the teacher has no weights: .*teacher\.checkpoint=FILE.*teacher\.train=true"
    ):
        load_or_train(settings, load_data(settings))
    assert not list((tmp_path / "none").glob("*.pt"))


def test_a_file_of_the_users_is_loaded_and_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = build("model", "resnet14", num_classes=4, in_channels=1)
    file = tmp_path / "mine.pth"
    torch.save({"model": network.state_dict(), "epoch": 240}, file)
    kept = file.read_bytes()
    settings = asking_for(tmp_path, file)
    teacher = load_or_train(settings, load_data(settings))
    assert (teacher.val_acc1, teacher.trained, teacher.file, teacher.foreign) == (None, False, file, True)
    acc1 = with_accuracy(teacher, settings, load_data(settings)).val_acc1
    assert acc1 == measure_accuracy(teacher, settings, load_data(settings))
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in teacher.network.state_dict().items())
    assert file.read_bytes() == kept


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    settings = asking_for(tmp_path, tmp_path / "none.pth")
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*none\.pth"):
        load_or_train(settings, load_data(settings))


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        ("resnet20", {}),
        ("resnet8x4", {}),
        ("wrn_16_1", {}),
        ("resnet14", {"num_classes": 100}),
        ("resnet14", {"in_channels": 3}),
    ],
)
def test_weights_of_another_network_are_refused(model: str, shape: dict[str, int], tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    checkpoint.save(build("model", model, **{"num_classes": 4, "in_channels": 1, **shape}), file)
    settings = asking_for(tmp_path, file)
    with pytest.raises(ValueError, match=r"other\.pth holds the weights of another network than ResNet") as caught:
        load_or_train(settings, load_data(settings))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    file = tmp_path / "cut.pth"
    checkpoint.save(build("model", "resnet14", num_classes=4, in_channels=1), file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    settings = asking_for(tmp_path, file)
    with pytest.raises(ValueError, match=r"cut\.pth is (no whole checkpoint|damaged)") as caught:
        load_or_train(settings, load_data(settings))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["zip", "pickle"])
def test_a_hostile_file_is_refused_and_not_executed(how: str, tmp_path: Path) -> None:
    file, victim = tmp_path / "hostile.pth", tmp_path / "victim"
    content = {"model": Hostile(victim)}
    if how == "zip":
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content, protocol=2))
    settings = asking_for(tmp_path, file)
    with pytest.raises(ValueError, match=r"hostile\.pth.*could run code.*convert it once"):
        load_or_train(settings, load_data(settings))
    assert not victim.exists()
    torch.load(file, weights_only=False) if how == "zip" else pickle.loads(file.read_bytes())
    assert victim.exists(), "this file would not have done anything"


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, [1, 2], {"model": 3}])
def test_a_file_without_weights_says_how_to_wrap_them(content: object, tmp_path: Path) -> None:
    file = tmp_path / "plain.pth"
    torch.save(content, file)
    with pytest.raises(ValueError, match=r"holds no 'model' with weights; wrap them"):
        checkpoint.read(file)


class Stops(TeacherWatcher):
    """Notes what it is told, and interrupts a training after some epochs."""

    def __init__(self, after: int | None = None) -> None:
        self.after = after
        self.told: list[tuple[object, ...]] = []

    def start(self, name: str, epochs: int, done: int) -> None:
        self.told.append(("start", name, epochs, done))

    def epoch(self, done: int, val_acc1: float) -> None:
        self.told.append((done, val_acc1))
        if done == self.after:
            raise InterruptedError

    def finish(self) -> None:
        self.told.append(("finish",))


def test_an_interrupted_teacher_goes_on_from_its_last_epoch_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = small(tmp_path / "run", f"paths.teacher_dir={tmp_path / 'whole'}")
    parts = small(tmp_path / "run", f"paths.teacher_dir={tmp_path / 'parts'}")
    data = load_data(whole)
    seen, first, second = Stops(), Stops(after=3), Stops()
    expected = load_or_train(whole, data, seen)
    with pytest.raises(InterruptedError):
        load_or_train(parts, data, first)
    assert [file.suffix for file in (tmp_path / "parts").iterdir() if file.suffix != ".lock"] == [".ckpt"]
    found = load_or_train(parts, data, second)
    assert first.told[0] == ("start", "ResNet", 5, 0)
    assert second.told[0] == ("start", "ResNet", 5, 2), "the third epoch was interrupted at its end"
    assert [*first.told[1:3], *second.told[1:-1]] == seen.told[1:-1]
    assert seen.told[-2] == (5, expected.val_acc1)
    assert seen.told[-1] == first.told[-1] == second.told[-1] == ("finish",)
    weights = expected.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in found.network.state_dict().items())
    assert [file.suffix for file in (tmp_path / "parts").iterdir() if file.suffix != ".lock"] == [".pt"]
