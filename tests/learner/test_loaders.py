"""The learner in a Trainer of the user's own: ordinary loaders, and a plain network as the teacher."""

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.journey import LIGHTNING
from uniads import Batch, Learner, Recipe, UserError, build
from uniads.distance.l2 import L2
from uniads.distiller.base import Context
from uniads.distiller.composed import Composed
from uniads.distiller.node import Node
from uniads.settings.blueprint import Blueprint
from uniads.settings.trainer import TrainerSettings

pytestmark = LIGHTNING

IMAGE, LABEL = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 4
RECIPE = Recipe(
    epochs=1, batch_size=4, lr=0.01, momentum=0.9, nesterov=False, weight_decay=0.0, milestones=[], gamma=1.0
)


def make_learner(distiller: str = "kd") -> Learner:
    torch.manual_seed(0)
    student, teacher = (build("model", "resnet8", width=0.25, num_classes=4, in_channels=1) for _ in range(2))
    loss = build("distiller", distiller)
    loss.adapt(Context.of(student, teacher, IMAGE[:2], label=LABEL))
    return Learner(student, loss, RECIPE, 1, 4, teacher)


def train(learner: Learner, *parts: Tensor) -> None:
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    loader = DataLoader(TensorDataset(*parts), batch_size=4)
    trainer.fit(learner, loader)
    (scores,) = trainer.validate(learner, loader, verbose=False)
    assert 0 <= scores["val/acc1"] <= 1


def test_a_loader_of_images_and_labels_trains_the_student_and_not_the_teacher() -> None:
    learner = make_learner()
    assert not any(name.startswith("teacher") for name in learner.state_dict())
    before = learner.student.fc.weight.clone()
    taught = learner.teacher.network.fc.weight.clone()  # type: ignore[union-attr]
    train(learner, IMAGE, LABEL)
    assert not torch.equal(learner.student.fc.weight, before)
    assert torch.equal(learner.teacher.network.fc.weight, taught)  # type: ignore[union-attr]
    assert learner.means["logits"] > 0


def test_a_distiller_that_remembers_images_takes_their_positions_from_the_loader() -> None:
    train(make_learner("crd"), IMAGE, LABEL, torch.arange(8))
    with pytest.raises(UserError, match=r"CRD needs the position of each image .* got 0 for 4 images; give a loader"):
        train(make_learner("crd"), IMAGE, LABEL)


def test_a_batch_is_left_as_it_is_and_another_thing_is_refused() -> None:
    learner = make_learner()
    batch = Batch(IMAGE, LABEL, torch.arange(8))
    assert learner.on_before_batch_transfer(batch, 0) is batch
    with pytest.raises(UserError, match=r"must be \(image, label\) or \(image, label, index\), got Tensor"):
        learner.on_before_batch_transfer(IMAGE, 0)


def trained(learner: Learner, loader: object, **more: object) -> pl.Trainer:
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, **more,
    )  # fmt: skip
    trainer.fit(learner, loader)
    return trainer


def plain_network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))


def test_networks_that_say_logits_alone_are_student_and_teacher_and_the_teacher_is_never_changed() -> None:
    student, teacher = plain_network(0), plain_network(1).train()
    teacher[1].weight.grad = torch.ones_like(teacher[1].weight)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    learner = Learner(student, build("distiller", "kd"), RECIPE, 1, 4, teacher)
    start = student[1].weight.clone()
    trained(learner, DataLoader(TensorDataset(IMAGE, LABEL), batch_size=4))
    assert not torch.equal(student[1].weight, start)
    assert learner.means["logits"] > 0
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(module.training for module in teacher.modules())
    assert all(weight.requires_grad for weight in teacher.parameters())
    assert (teacher[1].weight.grad == 1).all()


class Pair(nn.Module):
    """Says its features beside its logits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain_network(2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return image, self.body(image)


def test_a_teacher_of_tuples_is_refused_in_a_sentence() -> None:
    learner = Learner(plain_network(0), build("distiller", "kd"), RECIPE, 1, 4, Pair())
    with pytest.raises(UserError, match=r"the teacher must say Knowledge.* got tuple; Tapped of"):
        trained(learner, DataLoader(TensorDataset(IMAGE, LABEL), batch_size=4))


def test_a_distiller_that_compares_maps_says_that_logits_alone_have_none() -> None:
    learner = Learner(plain_network(0), build("distiller", "searched"), RECIPE, 1, 4, plain_network(1))
    with pytest.raises(UserError, match="the feature node compares feature maps, and the student's knowledge has none"):
        trained(learner, DataLoader(TensorDataset(IMAGE, LABEL), batch_size=4))


def test_a_list_of_batches_is_refused_since_lightning_takes_it_for_loaders() -> None:
    batches = list(DataLoader(TensorDataset(IMAGE, LABEL), batch_size=4))
    for several in (batches, {"a": batches[0]}, [Batch(IMAGE, LABEL, torch.arange(8))] * 2):
        with pytest.raises(UserError, match=r"takes one loader of batches, got a (list|dict) of [12], which Lightning"):
            trained(make_learner(), several)


WRONG = {
    "dict": ({"image": IMAGE, "label": LABEL}, "got dict with image, label; give a loader of such tuples"),
    "one": ((IMAGE,), "got tuple of 1"),
    "bytes": ((IMAGE.byte(), LABEL), r"the images as one tensor of floats, got torch\.uint8 of shape \(8, 1, 8, 8\)"),
    "list": (([IMAGE], LABEL), "the images as one tensor of floats, got list"),
    "one-hot": ((IMAGE, torch.eye(8)), r"the label as one whole number .* got torch\.float32 of shape \(8, 8\)"),
    "few": ((IMAGE, LABEL[:3]), r"for each of the 8 images, got torch\.int64 of shape \(3,\)"),
    "index": ((IMAGE, LABEL, 3), "the index as a tensor of whole numbers, got int"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_batch_that_is_none_is_named(wrong: str) -> None:
    batch, message = WRONG[wrong]
    with pytest.raises(UserError, match=message):
        make_learner().on_before_batch_transfer(batch, 0)


def test_terms_of_any_name_keep_their_means_apart_from_the_learners_own() -> None:
    names = ("loss", "images", "keys", "a.b", "a/b")
    distiller = Composed(**{name: Node("logits", L2(), {}) for name in names})
    student, teacher = plain_network(0), plain_network(1)
    learner = Learner(student, distiller, RECIPE, 1, 4, teacher)
    trained(learner, DataLoader(TensorDataset(IMAGE, LABEL), batch_size=4))
    means = learner.means
    assert set(means) == {"loss", "task", "term/loss", "images", "keys", "a.b", "a/b"}
    assert means["images"] == means["keys"] == means["term/loss"] > 0
    assert means["loss"] == pytest.approx(means["task"] + 5 * means["images"], rel=1e-5)


def test_a_loss_that_is_no_number_shows() -> None:
    class Lost(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = plain_network(0)

        def forward(self, image: Tensor) -> Tensor:
            logits: Tensor = self.body(image)
            return torch.where(image[:, 0, 0, :1] == IMAGE[0, 0, 0, 0], torch.nan, logits)

    learner = Learner(Lost(), Composed(), RECIPE, 1, 4)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    loader = DataLoader(TensorDataset(IMAGE, LABEL), batch_size=4)
    (scores,) = trainer.validate(learner, loader, verbose=False)
    assert scores["val/loss"] != scores["val/loss"]


def test_a_training_in_double_has_double_losses() -> None:
    learner = Learner(plain_network(0), build("distiller", "kd"), RECIPE, 1, 4, plain_network(1))
    loader = DataLoader(TensorDataset(IMAGE, LABEL), batch_size=8)
    trainer = trained(learner, loader, precision="64-true", limit_val_batches=0)
    assert {value.dtype for value in learner._sums.values()} == {torch.float64}
    twin = plain_network(0).double()
    # Float32 would be 1e-8 away.
    wanted = F.cross_entropy(twin(IMAGE.double()), LABEL).item()
    assert learner.means["task"] == pytest.approx(wanted, rel=1e-13)
    trainer.limit_val_batches = 1.0
    (scores,) = trainer.validate(learner, loader, verbose=False)
    wanted = F.cross_entropy(learner.student.eval()(IMAGE.double()), LABEL).item()
    assert scores["val/loss"] == pytest.approx(wanted, rel=1e-13)


@pytest.mark.parametrize(("precision", "fused"), [("bf16-mixed", False), ("32-true", True)])
def test_gradients_are_clipped_in_every_precision(precision: str, fused: bool) -> None:
    learner = Learner(plain_network(0), build("distiller", "kd"), RECIPE, 1, 4, plain_network(1))
    loader = DataLoader(TensorDataset(IMAGE, LABEL), batch_size=8)
    trainer = trained(learner, loader, precision=precision, gradient_clip_val=1e-9)
    assert trainer.optimizers[0].defaults["fused"] == fused
    start = plain_network(0)[1].weight
    assert (learner.student[1].weight - start).abs().max() < 1e-9


@pytest.mark.parametrize("name", ["devices", "num_nodes"])
def test_a_training_on_several_devices_is_refused_since_they_would_share_their_images(name: str) -> None:
    facts = {"_target_": "pytorch_lightning.Trainer", name: 2}
    with pytest.raises(UserError, match=rf"trainer\.{name} must be 1, got 2: a training runs on one device"):
        TrainerSettings(Blueprint(facts, pl.Trainer), torch.device("cpu"))
