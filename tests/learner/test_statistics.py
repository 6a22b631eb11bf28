"""A student is judged with batch norm's statistics estimated anew; its training does not notice."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.journey import LIGHTNING, small
from uniads import build
from uniads.data.base import Data
from uniads.knowledge import Knowledge
from uniads.learner.kept import read_kept
from uniads.learner.statistics import IMAGES, estimate_statistics
from uniads.model import checkpoint
from uniads.training.fit import fit
from uniads.training.parts import load_data

pytestmark = LIGHTNING
ESTIMATED = "statistics=estimated"


class Normed(nn.Module):
    """Batch norm on the images themselves, then dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.bn, self.drop, self.fc = nn.BatchNorm2d(1), nn.Dropout(0.5), nn.Linear(64, 4)

    def forward(self, image: torch.Tensor) -> Knowledge:
        embedding = self.drop(self.bn(image)).flatten(1)
        return Knowledge((), embedding, self.fc(embedding))


def fake(images: int) -> Data:
    data: Data = build(
        "data", "fake", num_classes=4, image_size=[1, 8, 8], train_size=images, test_size=4, val_fraction=0.1
    )
    return data


@pytest.mark.parametrize("images", [90, 900])
def test_statistics_are_averages_over_batches_of_the_first_epoch(images: int) -> None:
    network, loader = Normed().eval(), fake(images).train(30)
    network.bn.running_mean.fill_(7.0)
    estimate_statistics(network, loader)
    loader.set_epoch(0)
    batches = [batch.image for batch in loader][: -(-IMAGES // 30)]
    assert len(batches) == (3 if images == 90 else 18)
    means = torch.stack([image.mean() for image in batches])
    variances = torch.stack([image.var() for image in batches])
    torch.testing.assert_close(network.bn.running_mean, means.mean().view(1))
    torch.testing.assert_close(network.bn.running_var, variances.mean().view(1))
    assert network.bn.momentum == 0.1
    assert not network.training


@pytest.mark.parametrize("training", [True, False])
def test_nothing_but_statistics_changes(training: bool) -> None:
    network = Normed().train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(3)
    state = torch.get_rng_state()
    estimate_statistics(network, fake(90).train(30))
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training == network.bn.training == network.drop.training == training
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"bn.running_mean", "bn.running_var", "bn.num_batches_tracked"}


def test_a_network_without_batch_norm_stays_as_it_is() -> None:
    network = nn.Linear(64, 4)
    before = network.weight.clone()
    estimate_statistics(network, fake(90).train(30))
    assert torch.equal(network.weight, before)


@pytest.mark.parametrize("how", [("trial=true", "stop_epoch=2"), ()])
def test_a_training_goes_on_bit_for_bit_as_without(how: tuple[str, ...], tmp_path: Path) -> None:
    def train(name: str, *more: str) -> tuple[dict[str, Any], float | None]:
        outcome = fit(small(tmp_path / name, "distiller=kd", *how, *more))
        return read_kept(tmp_path / name / "last.ckpt"), outcome.val_loss

    plain, loss = train("plain")
    judged, estimated = train("judged", ESTIMATED)
    assert plain["state_dict"].keys() == judged["state_dict"].keys()
    assert all(torch.equal(value, judged["state_dict"][name]) for name, value in plain["state_dict"].items())
    assert torch.equal(plain["rng"], judged["rng"])
    assert loss != estimated


def test_an_interrupted_trial_is_judged_as_a_whole_one(tmp_path: Path) -> None:
    settings = ("trial=true", "distiller=plain", ESTIMATED)
    fit(small(tmp_path / "parts", *settings, "stop_epoch=1"))
    parts = fit(small(tmp_path / "parts", *settings, "stop_epoch=2"))
    whole = fit(small(tmp_path / "whole", *settings, "stop_epoch=2"))
    assert (parts.val_loss, parts.val_acc1) == (whole.val_loss, whole.val_acc1)


@pytest.mark.parametrize("name", ["student.pt", "student_best.pt"])
def test_a_saved_student_has_the_statistics_that_it_was_judged_with(name: str, tmp_path: Path) -> None:
    settings = small(tmp_path / "run", "distiller=plain", "data.noise=60", "chance=null", ESTIMATED)
    outcome = fit(settings)
    student = build("model", "resnet8", num_classes=4, in_channels=1)
    checkpoint.load(student, checkpoint.read(tmp_path / "run" / name)["model"], name)
    batch = next(iter(load_data(settings).val(256)))
    right = (student.eval()(batch.image).logits.argmax(1) == batch.label).float().mean().item()
    assert right == pytest.approx(outcome.val_acc1 if name == "student.pt" else outcome.best_val_acc1)
