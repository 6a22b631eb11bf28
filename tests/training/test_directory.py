"""A directory's results belong to the training that made them, wherever it lies and whatever became of it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.journey import LIGHTNING, configured, small
from uniads.bridge.training_settings import training_settings
from uniads.error import DamagedFileError, DirectoryError
from uniads.learner.kept import read_kept
from uniads.model import checkpoint
from uniads.notice import listening
from uniads.outcome import Outcome
from uniads.teacher.source import batches_key
from uniads.teacher.training import Teacher, teacher_key
from uniads.training.fit import fit
from uniads.training.identity import describe_differences, identify_training

pytestmark = LIGHTNING
SAME = ("epochs=2", "distiller=plain", "logger=none", "data.train_size=80")


def run(directory: Path, *overrides: str) -> tuple[Outcome, list[str]]:
    """A training, and what was said."""
    said: list[str] = []
    with listening(said.append):
        return fit(small(directory, *SAME, *overrides)), said


def kept(directory: Path) -> dict[str, bytes]:
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def numbers(outcome: Outcome) -> tuple[object, ...]:
    return outcome.train_loss, outcome.val_loss, outcome.best_val_acc1, outcome.best_epoch, outcome.test_acc1_best


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A training without any interruption."""
    return run(tmp_path_factory.mktemp("whole") / "run")[0]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A training that was stopped after its first epoch, in a folder that has been renamed since."""
    run(tmp_path / "before", "stop_epoch=1")
    return (tmp_path / "before").rename(tmp_path / "run")


OTHERS = {
    "recipe.lr=0.5": "recipe.lr is 0.02 there and 0.5 here",
    "seed=7": "data.seed is 0 there and 7 here, seed is 0 there and 7 here",
    "epochs=8": "epochs is 2 there and 8 here",
    "model@student=resnet14": "student.blocks is",
    "data.noise=5": "data.contents is",
    "distiller=kd": "distiller is task there and logits, task here",
    "trainer.limit_train_batches=3": "trainer.limit_train_batches is not set there and 3 here",
}


def test_another_training_is_refused_by_its_keys_and_the_same_goes_on(begun: Path, whole: Outcome) -> None:
    before = kept(begun)
    for override, difference in OTHERS.items():
        with pytest.raises(DirectoryError, match=r"holds another training .*hydra\.run\.dir=DIR") as refused:
            run(begun, override, "stop_epoch=1") if override == "epochs=8" else run(begun, override)
        assert difference in str(refused.value)
    assert kept(begun) == before
    assert not (begun.parent / "teachers").exists(), "it was refused before its teacher was trained"
    went_on, said = run(begun)
    assert numbers(went_on) == numbers(whole)
    again, also_said = run(begun.rename(begun.with_name("moved")))
    assert numbers(again) == numbers(whole)
    assert not said + also_said
    with pytest.raises(DirectoryError, match="at epoch 2 already, later than stop_epoch=1"):
        run(begun.with_name("moved"), "stop_epoch=1")


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES: list[Callable[[bytes], bytes]] = [lambda content: content[:999], lambda content: bytes(len(content)), flip]


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_damaged_checkpoint_counts_as_missing(name: str, begun: Path, whole: Outcome) -> None:
    file = begun / name
    content = file.read_bytes()
    for damage in DAMAGES:
        file.write_bytes(damage(content))
        with pytest.raises(DamagedFileError):
            read_kept(file)
    outcome, said = run(begun)
    assert numbers(outcome) == numbers(whole)
    assert any(name in text and "begins anew" in text for text in said)


def test_a_trial_goes_on_from_no_other_candidates_checkpoint(tmp_path: Path) -> None:
    alone, _ = run(tmp_path / "alone", "trial=true")
    run(tmp_path / "other", "trial=true", "recipe.lr=0.1", "stop_epoch=1")
    (tmp_path / "mine").mkdir()
    os.replace(tmp_path / "other" / "last.ckpt", tmp_path / "mine" / "last.ckpt")
    outcome, said = run(tmp_path / "mine", "trial=true")
    assert outcome.val_loss == alone.val_loss
    assert "is another training's" in said[0]


def test_a_student_tells_what_it_was_trained_on(begun: Path) -> None:
    facts = checkpoint.read(begun / "student.pt")
    assert facts["data"]["size"] == [8, 8]
    assert (facts["data"]["mean"], facts["data"]["std"]) == ([0.5], [0.25])
    assert facts["identity"] == identify_training(small(begun, *SAME))
    student = checkpoint.read(begun / "last.ckpt")
    assert student["config"] == facts["config"]
    assert all(torch.equal(value, student["model"][name]) for name, value in facts["model"].items())


def folder(place: Path, shade: int) -> Path:
    """A folder of images that differ in nothing but their contents."""
    from PIL import Image

    for part in ("train", "test"):
        for number, name in enumerate("ab"):
            (place / "set" / part / name).mkdir(parents=True)
            for image in range(4):
                colour = (shade, 99 * number, image)
                Image.new("RGB", (16, 16), colour).save(place / "set" / part / name / f"{image}.png")
    return place


def test_images_count_by_what_they_are_and_not_by_where_they_lie(tmp_path: Path) -> None:
    places = [folder(tmp_path / "A", 10), folder(tmp_path / "B", 200)]
    images = ("data=imagefolder", "data.folder=set", "data.crop=8", "data.resize=8", "data.num_classes=2")

    def keys(place: Path, *overrides: str) -> tuple[str, str, dict[str, object]]:
        pair = ("+pair=resnet56-resnet20", "logger=none", f"paths.run_dir={tmp_path}")
        settings = training_settings(configured(*pair, *images, f"paths.data_dir={place}", *overrides))
        network = settings.teacher.chosen_model(num_classes=2)
        teacher = Teacher(network, settings.teacher.chosen_model, Path("x"), None)
        return teacher_key(settings), batches_key(settings, teacher), identify_training(settings)["data"]

    first, second = (keys(place, "data.workers=0") for place in places)
    assert all(one != other for one, other in zip(first, second, strict=True))
    assert keys(places[0], "data.workers=2") == first
    assert keys(places[0].rename(tmp_path / "C"), "data.workers=0") == first


def test_differences_are_told_by_key() -> None:
    there = {"a": {"x": 1, "y": 2}, "b": {"_target_": "P", "logits": {"tau": 1}}, "c": None, "trainer": {}}
    here = {"a": {"x": 1, "y": 3}, "b": {"_target_": "P"}, "c": {"d": 1}, "trainer": {"precision": 16}}
    text = "a.y is 2 there and 3 here, b is logits there and empty here, c is not set there and d here, trainer.prec"
    assert describe_differences(there, here).startswith(text)
    assert describe_differences(here, here) == ""
