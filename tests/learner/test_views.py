"""A training on two views of each image: the same again, in pieces, counted, shown to both and found in a search."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.journey import LIGHTNING, search_space, small
from tests.learner.test_loop import same, trained
from uniads import build
from uniads.distiller.composed import Composed
from uniads.distiller.context import equip
from uniads.distiller.mlkd import MLKD as Term
from uniads.distiller.semckd import SemCKD
from uniads.error import UserError
from uniads.learner.learner import Learner
from uniads.learner.loop import load_training
from uniads.learner.shares import measure_shares
from uniads.search.space import SearchSpace
from uniads.terminal.opening import describe_answers
from uniads.training.fit import fit
from uniads.training.parts import Parts, build_parts
from uniads.training.timing import time_student

pytestmark = LIGHTNING
# The relations of four classes are strong: their term is the squared number of images over that of the classes.
MLKD = ("distiller=mlkd", "distiller.mlkd.classes=0.1", "chance=null")
EXACT = "teacher.dtype=float32"


@pytest.fixture
def teachers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where all tests of a session keep their teachers."""
    return f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"


def built(directory: Path, *overrides: str) -> tuple[Parts, object]:
    settings = small(directory, *overrides)
    parts = build_parts(settings)
    return parts, next(iter(load_training(parts.learner, parts.data, settings.trainer)))


def test_a_training_in_pieces_equals_one_in_one_go(tmp_path: Path, teachers: str) -> None:
    whole = trained(tmp_path / "whole", teachers, *MLKD)
    trained(tmp_path / "pieces", teachers, *MLKD, "stop_epoch=1")
    torch.rand(7)
    last = trained(tmp_path / "pieces", teachers, *MLKD, "stop_epoch=3")
    assert whole.val_acc1 is not None
    assert whole.val_acc1 > 0.4
    assert (last.val_loss, last.val_acc1, last.train_loss) == (whole.val_loss, whole.val_acc1, whole.train_loss)
    assert same(tmp_path / "whole", tmp_path / "pieces")


def test_student_and_teacher_see_both_views_as_one_batch(tmp_path: Path, teachers: str) -> None:
    parts, batch = built(tmp_path / "run", teachers, EXACT, *MLKD)
    assert batch.views == 2  # type: ignore[attr-defined]
    assert batch.image.shape == (32, 1, 8, 8)  # type: ignore[attr-defined]
    step = parts.learner.eval().training_step(batch, 0)  # type: ignore[arg-type]
    student, teacher = parts.student(batch.image), parts.teacher.network.eval()(batch.image)  # type: ignore[attr-defined,union-attr]
    halves = zip(student.logits.chunk(2), batch.label.chunk(2), strict=True)  # type: ignore[attr-defined]
    task = sum(F.cross_entropy(*half) for half in halves) / 2
    torch.testing.assert_close(step["task"], task)
    term = parts.distiller(student, teacher, batch)["mlkd"]  # type: ignore[arg-type]
    torch.testing.assert_close(step["loss"], 0.2 * task + term)
    assert sum(measure_shares(parts.learner, batch).values()) == pytest.approx(1)  # type: ignore[arg-type]


def test_running_statistics_are_of_both_views_together(tmp_path: Path, teachers: str) -> None:
    parts, batch = built(tmp_path / "run", teachers, EXACT, *MLKD)
    norm = parts.student.bn1
    parts.learner.train().training_step(batch, 0)  # type: ignore[arg-type]
    with torch.no_grad():
        before = parts.student.conv1(batch.image)  # type: ignore[attr-defined]
    torch.testing.assert_close(norm.running_mean, norm.momentum * before.mean((0, 2, 3)))
    assert norm.num_batches_tracked == 1


def test_networks_may_have_either_layout(tmp_path: Path, teachers: str) -> None:
    losses = []
    for layout in ("contiguous", "channels_last"):
        parts, batch = built(tmp_path / layout, teachers, EXACT, *MLKD, f"memory_format={layout}")
        losses.append(parts.learner.training_step(batch, 0)["loss"])  # type: ignore[arg-type]
    torch.testing.assert_close(*losses)


def test_an_epoch_costs_two_views_of_everything(tmp_path: Path, teachers: str) -> None:
    short = ("recipe.epochs=1", "recipe.milestones=[]", "chance=null")
    kd, mlkd = (trained(tmp_path / name, teachers, f"distiller={name}", *short) for name in ("kd", "mlkd"))
    assert (mlkd.params, mlkd.flops) == (kd.params, kd.flops)
    assert mlkd.epoch_flops == 2 * kd.epoch_flops


def test_the_teacher_is_asked_anew_and_that_is_said(tmp_path: Path, teachers: str) -> None:
    store = f"teacher_store.directory={tmp_path / 'store'}"
    short = ("recipe.epochs=1", "recipe.milestones=[]", "data.views=1")
    live = trained(tmp_path / "live", teachers, *MLKD, *short)
    kept = trained(tmp_path / "kept", teachers, *MLKD, *short, store)
    assert kept.val_loss == live.val_loss
    assert not (tmp_path / "store").exists()
    lines = describe_answers(small(tmp_path / "said", teachers, EXACT, *MLKD))
    assert lines == ["         its answers are not kept: the distiller looks at two views of each image"]


def test_a_visible_training_and_its_plan_show_both_views_to_another_term_too(tmp_path: Path, teachers: str) -> None:
    settings = small(
        tmp_path / "run", teachers, *MLKD, "+also=kd", "statistics=estimated", "recipe.epochs=1",
        "recipe.milestones=[]", "logger=none",
    )  # fmt: skip
    assert fit(settings).shares.keys() == {"task", "mlkd", "kd"}
    assert time_student(settings, build_parts(settings).data).teacher_seconds > 0


def test_a_term_that_has_to_know_the_size_of_a_batch_is_told_that_of_both_views() -> None:
    student, teacher = (build("model", "resnet8", num_classes=10, in_channels=1) for _ in range(2))
    for strong, width in (((2, 10), 16), (None, 8)):
        semckd = SemCKD()
        equip(
            Composed(mlkd=Term(strong=strong), semckd=semckd),
            student,
            teacher,
            build("data", "digits"),
            8,
            lambda: student,
        )
        assert semckd.width == width


def test_one_view_may_be_asked_for(tmp_path: Path, teachers: str) -> None:
    parts, batch = built(tmp_path / "run", teachers, *MLKD, "distiller.mlkd.strong=null")
    assert batch.views == 1  # type: ignore[attr-defined]
    assert parts.learner.training_step(batch, 0)["loss"].isfinite()  # type: ignore[arg-type]


def test_batches_of_one_view_are_refused_where_two_are_looked_at() -> None:
    student, teacher = (build("model", "resnet8", num_classes=4, in_channels=1) for _ in range(2))
    learner = Learner(student, build("distiller", "mlkd"), build("recipe", "quick"), 1, 4, teacher)
    image, label = torch.randn(8, 1, 8, 8), torch.arange(8) % 4
    (pair,) = DataLoader(TensorDataset(image, label), batch_size=8)
    batch = learner.on_before_batch_transfer(pair, 0)
    with pytest.raises(UserError, match="looks at 2 views of each image, and the batches have 1; take a loader with"):
        learner.training_step(batch, 0)


def test_mixed_images_are_refused_beside_two_views(tmp_path: Path) -> None:
    settings = small(tmp_path / "run", *MLKD, "recipe.mixup=0.2", f"paths.teacher_dir={tmp_path}/new")
    with pytest.raises(UserError, match=r"recipe.mixup and recipe.cutmix must be 0 with this distiller"):
        build_parts(settings)
    assert not (tmp_path / "new").exists()


def test_a_search_can_begin_with_it(tmp_path: Path, teachers: str) -> None:
    found = search_space(
        "+pair=resnet56-resnet20", "search.warm_start=[mlkd]", shape={"num_classes": 4, "in_channels": 1}
    )
    space: SearchSpace = found.space
    (genome,) = found.warm_start.genomes(space)
    overrides = [each for each in space.overrides(genome) if each.startswith("distiller=")]
    assert overrides == ["distiller=mlkd"]
    store = f"teacher_store.directory={tmp_path / 'store'}"
    shared = (teachers, "chance=null", "recipe.epochs=1", "recipe.milestones=[]", store)
    trial = trained(tmp_path / "trial", *shared, *overrides)
    assert trial.val_loss is not None
    assert not (tmp_path / "store").exists()
