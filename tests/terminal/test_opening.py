"""What a run says first about its teacher."""

import json
from math import sqrt
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, open_dict

from tests.journey import LIGHTNING, SMALL, Commands, configured
from uniads import build, train
from uniads.bridge.training_settings import blueprint, training_settings
from uniads.data.cifar import CIFAR
from uniads.data.loader import Loader
from uniads.teacher.training import Teacher
from uniads.terminal.chance import is_at_chance
from uniads.terminal.opening import describe_teacher, is_clearly_below

pytestmark = LIGHTNING


@pytest.fixture
def cfg() -> DictConfig:
    return configured("+pair=resnet110-resnet20", "data=cifar100", "paths.run_dir=run")


def held_out(images: int) -> CIFAR:
    """CIFAR-100 with so many validation images, without its files."""
    data = CIFAR.__new__(CIFAR)
    data.num_classes = 100
    data.val = lambda batch_size: Loader(  # type: ignore[method-assign,assignment]
        torch.zeros(images, 1, 1, 1, dtype=torch.uint8), torch.zeros(images, dtype=torch.long), torch.arange(images),
        batch_size, [0.5], [0.5],
    )  # fmt: skip
    return data


def lines(cfg: DictConfig, acc1: float, images: int = 5000, **facts: object) -> list[str]:
    network, model = build("model", "resnet8", num_classes=100), blueprint(cfg.teacher.model, "teacher.model")
    teacher = Teacher(network, model, Path("resnet110.pth"), acc1, **facts)  # type: ignore[arg-type]
    return describe_teacher(teacher, held_out(images), training_settings(cfg).teacher)


def test_a_teachers_accuracy_stands_beside_the_published_one(cfg: DictConfig) -> None:
    (line,) = lines(cfg, 0.7391)
    assert line == (
        "teacher  ResNet: 83,892 parameters, validation accuracy 73.91% (from resnet110.pth); "
        "published: 74.31% on the test set"
    )
    assert "trained just now, kept in resnet110.pth" in lines(cfg, 0.7391, trained=True)[0]
    assert "resnet110.pth, which may have been trained on those images)" in lines(cfg, 0.7391, foreign=True)[0]


def test_where_nothing_is_published_nothing_is_compared(cfg: DictConfig) -> None:
    (line,) = lines(
        configured("+pair=resnet110-resnet20", "data=cifar100", "paths.run_dir=run", "teacher.model.width=0.5"), 0.1
    )
    assert "published" not in line


@pytest.mark.parametrize(("foreign", "advice"), [(True, "is the published one"), (False, "trained for 240 epochs")])
def test_a_file_of_70_percent_published_as_74_is_warned_of(cfg: DictConfig, foreign: bool, advice: str) -> None:
    _, warning = lines(cfg, 0.7027, foreign=foreign)
    assert "warning: this teacher is clearly worse than the published one" in warning
    assert advice in warning


def test_what_chance_explains_is_no_reason_to_warn(cfg: DictConfig) -> None:
    assert len(lines(cfg, 0.7027, images=300)) == 1
    assert len(lines(cfg, 0.80)) == 1
    error = sqrt(0.7431 * (1 - 0.7431) / 5000)
    assert not is_clearly_below(0.7431 - 2.9 * error, 0.7431, 5000)
    assert is_clearly_below(0.7431 - 3.1 * error, 0.7431, 5000)


def test_a_training_shows_the_teacher_that_it_learns_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    command = Commands(monkeypatch, capsys)
    arguments = (*SMALL, "recipe.epochs=1", "paths.teacher_dir=teachers")

    def shown(run: str, *overrides: str) -> str:
        ended = command(train.main, *arguments, f"hydra.run.dir={run}", *overrides)
        assert ended.code == 0, ended.error
        opening, _, _ = ended.out.partition("Outcome")
        (line,) = (line for line in opening.splitlines() if line.startswith("teacher "))
        return line

    first = shown("first")
    assert first.startswith("teacher  ResNet: 174,580 parameters, validation accuracy ")
    assert "(trained just now, kept in teachers/" in first
    assert shown("again") == first.replace("trained just now, kept in", "from")
    (stored,) = Path("teachers").glob("*.pt")
    borrowed = shown("borrowed", f"teacher.checkpoint={stored}")
    assert borrowed == first.replace("trained just now, kept in", "from").replace(
        ".pt)", ".pt, which may have been trained on those images)"
    )
    acc1 = json.loads(Path("borrowed/outcome.json").read_text())["teacher_val_acc1"]
    assert f"validation accuracy {acc1:.2%} " in borrowed


def test_without_a_teacher_none_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = Commands(monkeypatch, capsys)(train.main, *SMALL, "recipe.epochs=1", "distiller=plain")
    assert ended.code == 0, ended.error
    assert "teacher  " not in ended.out


def test_who_guesses_is_told_from_who_knows_a_little() -> None:
    error = sqrt(0.1 * 0.9 / 1000)
    assert is_at_chance(0.0, 10, 1000)
    assert is_at_chance(0.1 + 2.9 * error, 10, 1000)
    assert not is_at_chance(0.1 + 3.1 * error, 10, 1000)


def test_a_teacher_at_chance_level_is_warned_of(cfg: DictConfig) -> None:
    _, warning = lines(cfg, 0.0108)
    assert warning == (
        "         warning: this teacher is at chance level (1.00% for 100 classes): it has learned nothing yet"
    )


def test_a_chain_of_assistants_is_named(cfg: DictConfig) -> None:
    with open_dict(cfg):
        cfg.assistant = ["resnet56", "vgg8"]
    chain, line = lines(cfg, 0.7391)
    assert chain == "teacher  ResNet teaches ResNet teaches VGG, which teaches the student"
    assert line.startswith("assist.  ResNet: 83,892 parameters")
