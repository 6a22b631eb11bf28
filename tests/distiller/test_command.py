"""The published distillers on the command line, alone and beside KD."""

import json
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from tests.journey import LIGHTNING, SMALL, Commands, configured
from uniads import build, options, train

pytestmark = LIGHTNING
NOT_PUBLISHED = ("plain", "searched", "balanced", "modern")
PUBLISHED = [name for name in options("distiller") if name not in NOT_PUBLISHED]


def test_there_are_as_many_published_distillers_as_ever() -> None:
    assert len(PUBLISHED) >= 35


@pytest.mark.parametrize(
    ("name", "terms", "weight"),
    [("crd", {"crd", "kd"}, 1), ("at", {"attention", "kd"}, 1), ("semckd", {"semckd", "logits", "kd"}, 1)],
)
def test_kd_goes_beside_any_distiller(name: str, terms: set[str], weight: float) -> None:
    distiller = instantiate(configured("+pair=resnet56-resnet20", f"distiller={name}", "+also=kd").distiller)
    assert set(distiller.terms()) == terms
    assert distiller.terms()["kd"].weight == weight
    assert distiller.terms()["kd"].tau == 4
    assert distiller.task == 1


def test_a_training_with_crd_keeps_memories_and_exports_the_student_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    teachers = tmp_path_factory.getbasetemp() / "teachers"
    ended = Commands(monkeypatch, capsys)(
        train.main, *SMALL, "distiller=crd", "+also=kd", "recipe.epochs=1", f"paths.teacher_dir={teachers}",
        f"hydra.run.dir={tmp_path / 'run'}",
    )  # fmt: skip
    assert ended.code == 0, ended.error
    assert "0.8 * (NCE(v_s, M_t) + NCE(v_t, M_s))" in ended.out
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)["state_dict"]
    assert state["distiller.nodes.crd.memory_s"].shape == (320, 128)
    exported = torch.load(tmp_path / "run" / "student.pt", weights_only=True)["model"]
    assert not [key for key in exported if "crd" in key or "distiller" in key]
    outcome = json.loads((tmp_path / "run" / "outcome.json").read_text())
    student = build("model", "resnet8", num_classes=4, in_channels=1)
    assert outcome["params"] == sum(p.numel() for p in student.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["wrn40_2-wrn16_2", "vgg13-mobilenetv2"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_pair_is_trained_on_digits_with_every_distiller(
    name: str, pair: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    teachers = tmp_path_factory.getbasetemp() / "teachers"
    ended = Commands(monkeypatch, capsys)(
        train.main, f"+pair={pair}", f"distiller={name}", "data.fraction=0.2", "recipe.epochs=2",
        "recipe.milestones=[1]", "recipe.lr=0.005", "teacher.recipe.epochs=1", "logger=csv", "callback=none",
        f"paths.teacher_dir={teachers}", f"hydra.run.dir={tmp_path / 'run'}",
    )  # fmt: skip
    rejected = "the training was stopped: task loss" in ended.error  # after so few images some are at chance level
    assert ended.code == 0 or rejected, ended.error
    outcome = json.loads((tmp_path / "run" / "outcome.json").read_text())
    assert outcome["epochs"] > 0
