"""The learner: task * cross-entropy + terms, and a teacher that nothing reaches."""

import io
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor
from torch.nn import functional as F

from tests.journey import LIGHTNING, configured, small
from uniads import build
from uniads.distance.l2 import L2
from uniads.distiller.composed import Composed
from uniads.distiller.node import Node
from uniads.knowledge import Batch
from uniads.learner.frozen import Frozen
from uniads.learner.learner import Learner
from uniads.model.base import Network
from uniads.recipe import Recipe
from uniads.training.parts import Parts, build_parts

pytestmark = LIGHTNING


def state_of(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(network: torch.nn.Module, state: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def trainer(directory: Path, epochs: int = 2) -> Trainer:
    return Trainer(
        accelerator="cpu", max_epochs=epochs, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=directory, limit_val_batches=0,
    )  # fmt: skip


@pytest.fixture
def parts(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """A searched distiller with a live teacher."""
    teachers = f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"
    settings = (teachers, "distiller=searched", "distiller.feature.tap=1", "teacher.dtype=float32")
    return build_parts(small(tmp_path, *settings))


def teacher_of(parts: Parts) -> Network:
    assert isinstance(parts.learner.teacher, Frozen)
    return parts.learner.teacher.network


def test_the_teacher_is_the_same_to_the_bit_after_train_mode_and_training(parts: Parts, tmp_path: Path) -> None:
    teacher = teacher_of(parts)
    before = state_of(teacher)
    modes = [module.training for module in teacher.modules()]
    parts.learner.train()
    student = state_of(parts.student)
    trainer(tmp_path).fit(parts.learner, parts.data.train(16))
    assert not same(parts.student, student), "nothing was trained"
    assert same(teacher, before)
    assert [module.training for module in teacher.modules()] == modes
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_the_teacher_is_in_no_state_no_optimizer_and_no_checkpoint(parts: Parts, tmp_path: Path) -> None:
    held = {id(parameter) for parameter in teacher_of(parts).parameters()}
    assert not held & {id(parameter) for parameter in parts.learner.parameters()}
    assert {name.split(".")[0] for name in parts.learner.state_dict()} <= {"student", "distiller"}
    groups = parts.learner.configure_optimizers()["optimizer"].param_groups
    assert not held & {id(parameter) for group in groups for parameter in group["params"]}
    run = trainer(tmp_path, epochs=1)
    run.fit(parts.learner, parts.data.train(16))
    run.save_checkpoint(tmp_path / "kept.ckpt")
    kept = torch.load(tmp_path / "kept.ckpt", weights_only=False)
    saved = sum(value.numel() for value in kept["state_dict"].values())
    assert saved == sum(value.numel() for value in parts.learner.state_dict().values())
    assert saved < sum(parameter.numel() for parameter in teacher_of(parts).parameters())


def test_the_optimizer_holds_student_and_adapters_once(parts: Parts) -> None:
    groups = parts.learner.configure_optimizers()["optimizer"].param_groups
    held = [id(parameter) for group in groups for parameter in group["params"]]
    wanted = [*parts.student.parameters(), *parts.distiller.parameters()]
    assert sorted(held) == sorted(map(id, wanted))


def test_the_loss_is_the_weighted_task_and_the_terms(parts: Parts) -> None:
    parts.distiller.task = 0.3
    batch = next(iter(parts.data.train(16)))
    parts.learner.eval()
    step = parts.learner.training_step(batch, 0)
    student, teacher = parts.student(batch.image), teacher_of(parts).eval()(batch.image)
    cross_entropy = -student.logits.log_softmax(1)[range(16), batch.label].mean()
    kl = F.kl_div(student.logits.log_softmax(1), teacher.logits.softmax(1), reduction="batchmean")
    wanted = (
        0.3 * cross_entropy + F.mse_loss(student.features[1], teacher.features[1])
        + F.mse_loss(student.embedding, teacher.embedding) + kl
    )  # fmt: skip
    torch.testing.assert_close(step["loss"], wanted)
    torch.testing.assert_close(step["task"], cross_entropy)
    assert not step["task"].requires_grad


def test_means_of_an_epoch_weigh_every_image_alike(tmp_path: Path) -> None:
    # With a learning rate of next to nothing every batch is scored by the same weights.
    data = build("data", "fake", image_size=[1, 8, 8], train_size=50, padding=0, flip=False)
    recipe = Recipe(1, 32, 1e-30, 0.0, False, 0.0, [], 0.1)
    torch.manual_seed(0)
    learner = Learner(build("model", "resnet8", num_classes=10, in_channels=1), Composed(), recipe, 1, 10)
    sizes, losses = [], []
    for batch in data.train(32):
        sizes.append(len(batch.label))
        losses.append(F.cross_entropy(learner.student.train()(batch.image).logits, batch.label).item())
    assert len(set(sizes)) == 2
    trainer(tmp_path, epochs=1).fit(learner, data.train(32))
    wanted = sum(size * loss for size, loss in zip(sizes, losses, strict=True)) / sum(sizes)
    assert learner.means["loss"] == pytest.approx(wanted, rel=1e-5)
    assert learner.means["task"] == learner.means["loss"]


def test_a_distiller_that_needs_a_teacher_gets_one_or_says_so() -> None:
    student = build("model", "resnet8", num_classes=10, in_channels=1)
    with pytest.raises(ValueError, match="this distiller needs a teacher; give one, or use distiller=plain"):
        Learner(student, build("distiller", "kd"), build("recipe", "quick"), 1, 10)


def test_a_teacher_that_is_not_needed_is_not_asked() -> None:
    def teacher(batch: Batch, epoch: int) -> None:
        raise AssertionError("asked")

    student = build("model", "resnet8", num_classes=10, in_channels=1)
    gone = Composed(gone=Node("logits", L2(), {}, weight=0))
    learner = Learner(student, gone, build("recipe", "quick"), 1, 10, teacher)
    batch = Batch(torch.randn(4, 1, 8, 8), torch.arange(4), torch.arange(4))
    assert learner.training_step(batch, 0)["loss"].isfinite()


def test_a_frozen_copy_answers_and_the_teacher_stays_as_it_is(tmp_path: Path) -> None:
    network = build("model", "resnet8", num_classes=10, in_channels=1).train()
    before = state_of(network)
    batch = Batch(torch.randn(4, 1, 8, 8), torch.arange(4), torch.arange(4))
    frozen = Frozen(network)
    assert not frozen(batch, 0).logits.requires_grad
    assert torch.equal(frozen(batch, 0).logits, frozen(batch, 7).logits)
    assert same(network, before)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("epochs", "milestones"), [(240, [150, 180, 210]), (24, [15, 18, 21]), (8, [5, 6, 7]), (480, [300, 360, 420])]
)
def test_a_squeezed_recipe_keeps_its_shape(epochs: int, milestones: list[int]) -> None:
    assert build("recipe", "crd").squeeze_milestones(epochs) == milestones


def test_a_squeezed_schedule_falls_once_a_milestone_even_where_two_meet() -> None:
    recipe = build("recipe", "crd")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = recipe.build_optimizer([weight])
    schedule = recipe.build_scheduler(optimizer, 3)
    rates = []
    for _ in range(3):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert recipe.squeeze_milestones(3) == [2, 2, 3]
    assert rates == pytest.approx([0.05, 0.05, 0.0005])


def test_the_fused_optimizer_goes_where_a_plain_one_goes() -> None:
    recipe = build("recipe", "crd")
    ends = []
    for fused in (True, False):
        torch.manual_seed(0)
        network = build("model", "resnet8", num_classes=4).to(memory_format=torch.channels_last)
        mine = recipe.build_optimizer(network.parameters())
        assert mine.defaults["fused"]
        plain = {name: mine.defaults[name] for name in ("lr", "momentum", "weight_decay", "nesterov")}
        optimizer = mine if fused else torch.optim.SGD(network.parameters(), **plain, foreach=False)
        image = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(1))
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(network(image).logits, torch.arange(8) % 4).backward()
            optimizer.step()
        ends.append(state_of(network))
    for name, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, r"recipe\.epochs must be above 0, got 0"),
        ({"batch_size": 0}, r"recipe\.batch_size must be above 0"),
        ({"lr": -0.1}, r"recipe\.lr must be above 0"),
        ({"lr": float("nan")}, r"recipe\.lr must be above 0, got nan"),
        ({"gamma": 0.0}, r"recipe\.gamma must be above 0"),
        ({"momentum": 1.0}, r"recipe\.momentum must be 0 or more and below 1"),
        ({"milestones": [7, 5]}, r"recipe\.milestones must rise, got \[7, 5\]"),
    ],
)
def test_a_recipe_that_is_none_is_refused(wrong: dict[str, object], message: str) -> None:
    plain = {
        "epochs": 8, "batch_size": 32, "lr": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0,
        "milestones": [5], "gamma": 0.1,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        Recipe(**{**plain, **wrong})


def test_epochs_to_squeeze_to_must_be_above_0() -> None:
    with pytest.raises(ValueError, match="epochs must be above 0, got 0"):
        build("recipe", "quick").squeeze_milestones(0)


@pytest.mark.parametrize("name", ["crd", "paper", "quick"])
def test_recipes_are_those_of_their_sources(name: str) -> None:
    recipe = configured(f"recipe={name}").recipe
    known = {
        "crd": (240, 64, 0.05, [150, 180, 210]), "paper": (240, 128, 0.1, [100, 150]), "quick": (6, 32, 0.02, [4, 5])
    }  # fmt: skip
    assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.milestones) == known[name]
    assert (recipe.momentum, recipe.weight_decay, recipe.gamma) == (0.9, 5e-4, 0.1)


def test_a_learner_is_stored_without_its_teacher(parts: Parts) -> None:
    file = io.BytesIO()
    torch.save(parts.learner.state_dict(), file)
    assert file.tell() < 4 * sum(p.numel() for p in teacher_of(parts).parameters())
