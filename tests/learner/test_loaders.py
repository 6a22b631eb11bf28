"""The learner in a Trainer of the user's own: ordinary loaders, and a plain network as the teacher."""

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from tests.journey import LIGHTNING
from uniads import Batch, Learner, Recipe, UserError, build
from uniads.distiller.base import Context

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
