"""Distillation that ends early, and trainings of several networks: resumed, exported and counted as any other."""

import json
from pathlib import Path

import pytest
import torch

from tests.journey import LIGHTNING, Commands, small
from uniads import build, train
from uniads.bridge.training_settings import configure
from uniads.distance.l2 import L2
from uniads.distiller.composed import Composed
from uniads.distiller.node import Node
from uniads.knowledge import Batch, Knowledge
from uniads.learner.learner import Learner
from uniads.model import checkpoint
from uniads.model.base import count_params
from uniads.training.fit import fit
from uniads.training.parts import build_parts

pytestmark = LIGHTNING
METHODS = ("eskd", "one", "dml")


def begun(until: float | None, epochs: int = 10) -> list[bool]:
    """Whether each epoch of a schedule distils."""
    distiller = Composed(0.1, until, here=Node("logits", L2(), {}))
    distils = []
    for epoch in range(epochs):
        distiller.set_epoch(epoch, epochs)
        distils.append(not distiller.over)
    return distils


@pytest.mark.parametrize(
    ("until", "epochs"), [(None, 10), (0.5, 5), (0.45, 5), (1.0, 10), (1, 1), (3, 3), (30, 10), (0.01, 1)]
)
def test_a_share_is_of_the_epochs_and_a_whole_number_counts_them(until: float | None, epochs: int) -> None:
    assert begun(until) == [True] * epochs + [False] * (10 - epochs)


@pytest.mark.parametrize("until", [0, 0.0, -1, -0.5, 1.01, float("nan")])
def test_an_end_that_is_none_is_refused(until: float) -> None:
    with pytest.raises(ValueError, match=r"distiller\.until must be a share of the epochs above 0 .*, got"):
        Composed(0.1, until)


def test_after_the_end_the_loss_is_cross_entropy_of_weight_1_and_no_teacher_is_asked() -> None:
    asked = []

    def teacher(batch: Batch, epoch: int) -> Knowledge:
        asked.append(epoch)
        return Knowledge((), torch.zeros(4, 3), torch.zeros(4, 10))

    student = build("model", "resnet8", num_classes=10, in_channels=1)
    learner = Learner(student, build("distiller", "eskd"), build("recipe", "quick"), 4, 10, teacher).eval()
    batch = Batch(torch.randn(4, 1, 8, 8), torch.arange(4), torch.arange(4))
    losses = []
    for epoch in range(4):
        learner.distiller.set_epoch(epoch, 4)
        step = learner.training_step(batch, 0)
        losses.append(step["loss"].item() - step["task"].item())
    assert len(asked) == 2
    assert losses[0] == losses[1] != 0
    assert losses[2:] == [0, 0]


def test_eskd_is_kd_that_ends_halfway() -> None:
    assert build("distiller", "eskd").formula() == (
        build("distiller", "kd").formula() + "; after 0.5 of the epochs cross-entropy alone"
    )
    assert build("distiller", "kd", until=7).formula().endswith("; after epoch 7 cross-entropy alone")


@pytest.mark.parametrize("name", METHODS)
def test_a_training_that_is_interrupted_and_goes_on_ends_as_one_that_was_not(name: str, tmp_path: Path) -> None:
    teachers = f"paths.teacher_dir={tmp_path / 'teachers'}"
    asked = (teachers, f"distiller={name}", "trial=true", "data.train_size=160", "epochs=2", "teacher.recipe.epochs=1")
    whole = fit(small(tmp_path / "whole", *asked))
    first = fit(small(tmp_path / "cut", *asked, "stop_epoch=1"))
    again = fit(small(tmp_path / "cut", *asked))
    assert (again.val_loss, again.val_acc1, again.train_loss) == (whole.val_loss, whole.val_acc1, whole.train_loss)
    assert first.val_loss != whole.val_loss
    states = [torch.load(tmp_path / run / "last.ckpt", weights_only=False)["state_dict"] for run in ("whole", "cut")]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


@pytest.mark.parametrize("name", ["one", "dml"])
def test_what_trains_beside_the_student_is_in_the_checkpoint_and_in_nothing_else(name: str, tmp_path: Path) -> None:
    cfg = small(tmp_path / "run", f"distiller={name}", "data.train_size=160", "recipe.epochs=1", "recipe.milestones=[]")
    parts = build_parts(cfg)
    assert parts.teacher is None
    outcome = fit(cfg)
    assert not (tmp_path / "teachers").exists(), "a teacher was trained that nobody asks"
    alone = build("model", "resnet8", num_classes=4, in_channels=1)
    assert outcome.params == count_params(alone)
    assert checkpoint.read(tmp_path / "run" / "student.pt")["model"].keys() == alone.state_dict().keys()
    kept = torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)["state_dict"]
    assert {key for key in kept if key.startswith("distiller.")} == {
        f"distiller.{key}" for key in parts.distiller.state_dict()
    }
    held = {id(parameter) for group in parts.learner.configure_optimizers()["optimizer"].param_groups
            for parameter in group["params"]}  # fmt: skip
    assert {id(parameter) for parameter in parts.distiller.parameters()} <= held
    images = len(parts.data.train(1).index)
    assert outcome.epoch_flops == 3 * images * (outcome.flops + parts.distiller.flops)
    assert parts.distiller.flops == (outcome.flops if name == "dml" else parts.distiller.flops) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_on_digits_the_loss_falls_and_the_student_learns(name: str, tmp_path: Path) -> None:
    """ESKD's stays the KD loss until the end, so that both epochs' losses are of one kind."""
    asked = (
        "+pair=resnet56-resnet20", "model@teacher.model=resnet14", "model@student=resnet8",
        f"distiller={name}", "recipe.epochs=3", "recipe.milestones=[]", "trial=true", "teacher.recipe.epochs=3",
        "callback=none", "logger=csv", f"paths.teacher_dir={tmp_path / 'teachers'}", f"paths.run_dir={tmp_path}",
        f"{'' if name == 'eskd' else '+'}distiller.until=1.0",
    )  # fmt: skip
    first, last = (fit(configure(*asked, f"stop_epoch={stop}")) for stop in (1, 3))
    assert first.train_loss is not None
    assert last.train_loss is not None
    assert last.train_loss < first.train_loss
    assert last.val_acc1 is not None
    assert last.val_acc1 > 0.4


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_the_command_trains_it_on_digits(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    command = Commands(monkeypatch, capsys)
    ended = command(
        train.main, "+pair=wrn40_2-wrn16_2", f"distiller={name}", "recipe.epochs=2", "recipe.milestones=[1]",
        "teacher.recipe.epochs=4", "callback=none", "logger=csv", f"hydra.run.dir={tmp_path / 'run'}",
    )  # fmt: skip
    assert ended.code == 0, ended.error
    outcome = json.loads((tmp_path / "run" / "outcome.json").read_text())
    assert outcome["test_acc1_last"] > 0.3
    assert outcome["params"] < 700_000
    assert (outcome["teacher_val_acc1"] is None) == (name != "eskd")
