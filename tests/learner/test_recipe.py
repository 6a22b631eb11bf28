"""A training with the options of a modern recipe: the same again, in pieces, kept, told apart and refused."""

from math import ceil
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from torch.nn import functional as F

from tests.journey import LIGHTNING, small
from tests.learner.test_loop import same, trained, weights
from uniads import build
from uniads.distiller.composed import Composed
from uniads.error import UserError
from uniads.learner.learner import Learner
from uniads.learner.statistics import EstimateStatistics
from uniads.model.checkpoint import read
from uniads.recipe.dot import DOT
from uniads.training.fit import fit
from uniads.training.identity import describe_differences, identify_training
from uniads.training.parts import build_parts

pytestmark = LIGHTNING

MODERN = (
    "recipe.schedule=cosine", "recipe.warmup=1", "recipe.optimizer=adamw", "recipe.lr=0.002", "recipe.ema=0.98",
    "recipe.label_smoothing=0.1", "recipe.mixup=0.2", "recipe.cutmix=1.0", "recipe.randaugment=[2,9]", "chance=null",
    "distiller=kd",
)  # fmt: skip
HURRIED = ("recipe.optimizer=dot", "distiller=searched", "distiller.feature.tap=1", "recipe.ema=0.9", "chance=null")
EXACT = "teacher.dtype=float32"


@pytest.fixture
def teachers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where all tests of a session keep their teachers."""
    return f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"


@pytest.mark.parametrize("overrides", [MODERN, HURRIED])
def test_a_training_in_pieces_equals_one_in_one_go(overrides: tuple[str, ...], tmp_path: Path, teachers: str) -> None:
    whole = trained(tmp_path / "whole", teachers, *overrides)
    pieces = tmp_path / "pieces"
    trained(pieces, teachers, *overrides, "stop_epoch=1")
    torch.rand(7)
    last = trained(pieces, teachers, *overrides, "stop_epoch=3")
    assert whole.val_acc1 is not None
    assert whole.val_acc1 > 0.4
    assert (last.val_loss, last.val_acc1, last.train_loss) == (whole.val_loss, whole.val_acc1, whole.train_loss)
    assert same(tmp_path / "whole", pieces)
    assert any(name.startswith("average.module.") for name in weights(pieces))
    for file in (tmp_path / "whole" / "last.ckpt", pieces / "last.ckpt"):
        state = torch.load(file, weights_only=True)["optimizer_states"][0]["state"]
        assert {"distilled_momentum", "task_momentum"} <= set(state[0]) or "exp_avg" in state[0]


def test_the_average_is_what_is_validated_kept_and_exported(tmp_path: Path, teachers: str) -> None:
    settings = small(tmp_path / "run", teachers, "distiller=plain", "recipe.ema=0.9", "recipe.epochs=2")
    outcome = fit(settings)
    state = weights(tmp_path / "run")
    average = {name.removeprefix("average.module."): x for name, x in state.items() if name.startswith("average.mod")}
    exported = read(tmp_path / "run" / "student.pt")["model"]
    assert exported.keys() == average.keys()
    assert all(torch.equal(value, average[name]) for name, value in exported.items())
    assert not torch.equal(exported["fc.weight"], state["student.fc.weight"])
    assert all(torch.equal(value, exported[name]) for name, value in read(tmp_path / "run/last.ckpt")["model"].items())
    parts = build_parts(settings)
    parts.judged.load_state_dict(exported)
    parts.judged.eval()
    batches = list(parts.data.val(16))
    with torch.no_grad():
        right = sum(int((parts.judged(b.image).logits.argmax(1) == b.label).sum()) for b in batches)
    assert outcome.val_acc1 == pytest.approx(right / sum(len(b.label) for b in batches))


def test_estimated_statistics_are_the_average_s_and_leave_it_as_it_is(tmp_path: Path, teachers: str) -> None:
    parts = build_parts(small(tmp_path / "run", teachers, "distiller=plain", "recipe.ema=0.9"))
    before = parts.judged
    callback = EstimateStatistics(parts.data.train(16))

    running = Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, default_root_dir=tmp_path)
    callback.on_validation_start(running, parts.learner)
    assert parts.judged is not before
    assert parts.learner.student is parts.student
    callback.on_validation_end(running, parts.learner)
    assert parts.judged is before


def test_label_smoothing_is_of_the_task_alone(tmp_path: Path, teachers: str) -> None:
    told = []
    for smoothing in (0.0, 0.2):
        parts = build_parts(
            small(
                tmp_path / "run",
                teachers,
                "distiller=kd",
                f"recipe.label_smoothing={smoothing}",
                EXACT,
            )
        )
        batch = next(iter(parts.data.train(16)))
        step = parts.learner.eval().training_step(batch, 0)
        told.append((step["task"], step["loss"] - parts.distiller.task * step["task"]))
        logs = parts.student(batch.image).logits.log_softmax(1)
        goal = (1 - smoothing) * F.one_hot(batch.label, 4) + smoothing / 4
        torch.testing.assert_close(step["task"], -(goal * logs).sum(1).mean())
        score = parts.learner.loss
        score.reset()
    assert told[0][0] != told[1][0]
    torch.testing.assert_close(told[0][1], told[1][1])


def test_mixed_images_are_shown_to_both_and_the_task_has_the_mixed_labels(tmp_path: Path, teachers: str) -> None:
    parts = build_parts(small(tmp_path / "run", teachers, "distiller=kd", "recipe.mixup=0.2", "recipe.cutmix=1", EXACT))
    learner = parts.learner.eval()
    batch = next(iter(parts.data.train(16)))
    step = learner.training_step(batch, 3)
    assert learner.mix is not None
    mixed = learner.mix(batch, 0, 3)
    assert not torch.equal(mixed.image, batch.image)
    student, teacher = parts.student(mixed.image), parts.teacher.network.eval()(mixed.image)  # type: ignore[union-attr]
    task = -(mixed.goal * student.logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(step["task"], task)
    term = sum(parts.distiller(student, teacher, mixed).values())
    torch.testing.assert_close(step["loss"], parts.distiller.task * task + term)


def test_a_balanced_distiller_measures_the_gradient_of_the_mixed_task(tmp_path: Path, teachers: str) -> None:
    overrides = ("distiller=balanced", "distiller.feature.weight=0", "distiller.embedding.weight=0", "recipe.mixup=1")
    parts = build_parts(small(tmp_path / "run", teachers, EXACT, *overrides))
    batch = next(iter(parts.data.train(16)))
    parts.learner.eval().training_step(batch, 0)
    assert parts.learner.mix is not None
    mixed = parts.learner.mix(batch, 0, 0)
    said = parts.student(mixed.image)
    task = -(mixed.goal * said.logits.log_softmax(1)).sum(1).mean()
    wanted = torch.autograd.grad(task, said.features[-1])[0].norm()
    torch.testing.assert_close(parts.distiller.balance.task_norms, wanted[None])  # type: ignore[union-attr]


def test_answers_to_mixed_images_are_not_kept(tmp_path: Path, teachers: str) -> None:
    store = tmp_path / "store"
    trained(tmp_path / "run", teachers, "distiller=kd", "recipe.mixup=0.2", f"teacher_store.directory={store}",
            "chance=null", "recipe.epochs=1", "recipe.milestones=[]")  # fmt: skip
    assert not store.exists()


def test_a_store_of_augmented_images_gives_a_live_teacher_s_answers(tmp_path: Path, teachers: str) -> None:
    strong = (
        teachers,
        "distiller=kd",
        "recipe.randaugment=[2,9]",
        "chance=null",
        "recipe.epochs=1",
        "recipe.milestones=[]",
    )
    store = f"teacher_store.directory={tmp_path / 'store'}"
    live, kept = trained(tmp_path / "live", *strong), trained(tmp_path / "kept", *strong, store)
    assert kept.val_loss == live.val_loss
    trained(tmp_path / "plain", teachers, "distiller=kd", "recipe.epochs=1", "recipe.milestones=[]", store)
    assert len(list((tmp_path / "store").iterdir())) == 2, "other images have a folder of their own"


@pytest.mark.parametrize("distiller", ["crd", "dml", "one"])
def test_terms_that_look_at_labels_or_positions_refuse_mixed_images(distiller: str, tmp_path: Path) -> None:
    settings = small(
        tmp_path / "run", f"distiller={distiller}", "recipe.mixup=0.2", f"paths.teacher_dir={tmp_path}/new"
    )
    with pytest.raises(
        UserError, match=r"recipe.mixup and recipe.cutmix must be 0 with this .*, which looks at the labels"
    ):
        build_parts(settings)
    assert not (tmp_path / "new").exists(), "before a teacher is trained"


@pytest.mark.parametrize("distiller", ["kd", "fitnet", "at", "sp", "cc", "rkd", "dist", "srrl", "semckd", "balanced"])
def test_terms_of_knowledge_alone_take_mixed_images(distiller: str, tmp_path: Path) -> None:
    settings = small(tmp_path / "run", f"distiller={distiller}", "recipe.mixup=0.2")
    assert not settings.distiller().needs_batch


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("recipe.optimizer=dot", "+trainer.gradient_clip_val=1.0"), "trainer.gradient_clip_val must be null with rec"),
        (("recipe.ema=0.9", "trainer.precision=bf16-true"), "trainer.precision can't be bf16-true with recipe.ema"),
        (("teacher.recipe.ema=0.9", "trainer.precision=bf16-true"), "can't be bf16-true with teacher.recipe.ema"),
        (("recipe.optimizer=dot", "compile=true"), "compile must be auto or false with recipe.optimizer=dot, got True"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_before_a_teacher_is_trained(
    overrides: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    settings = small(tmp_path / "run", "distiller=kd", f"paths.teacher_dir={tmp_path}/new", *overrides)
    with pytest.raises(UserError, match=message):
        build_parts(settings)
    assert not (tmp_path / "new").exists()


def test_a_checkpoint_of_another_recipe_is_told_apart(tmp_path: Path) -> None:
    plain = identify_training(small(tmp_path / "run", "distiller=plain"))
    for override in ("recipe.ema=0.9", "recipe.randaugment=[2,9]", "recipe.label_smoothing=0.1", "recipe.warmup=1"):
        other = identify_training(small(tmp_path / "run", "distiller=plain", override))
        key, _, value = override.partition("=")
        value = value.replace(",", ", ")
        assert describe_differences(plain, other) == f"{key} is not set there and {value} here"


def test_dot_sees_adapters_in_the_distillation_alone(tmp_path: Path, teachers: str) -> None:
    parts = build_parts(small(tmp_path / "run", teachers, "distiller=fitnet", "recipe.optimizer=dot", EXACT))
    learner = parts.learner
    optimizer = learner.configure_optimizers()["optimizer"]
    assert isinstance(optimizer, DOT)
    batch = next(iter(parts.data.train(16)))
    step = learner.training_step(batch, 0)
    assert learner._addends is not None
    optimizer.backward(step["loss"], *learner._addends)
    optimizer.step()
    adapters = list(parts.distiller.parameters())
    assert adapters
    assert all(optimizer.state[each].keys() == {"distilled_momentum"} for each in adapters)
    kinds = {tuple(sorted(optimizer.state[each])) for each in parts.student.parameters()}
    assert kinds == {("distilled_momentum", "task_momentum"), ("task_momentum",)}


@pytest.mark.parametrize("distiller", ["crd", "one", "dml", "balanced", "eskd"])
def test_dot_trains_with_any_distiller(distiller: str, tmp_path: Path, teachers: str) -> None:
    few = ("distiller.crd.negatives=16",) if distiller == "crd" else ()
    outcome = trained(tmp_path / "run", teachers, f"distiller={distiller}", "recipe.optimizer=dot", *few,
                      "data.train_size=160", "recipe.epochs=2", "recipe.milestones=[]", "chance=null")  # fmt: skip
    assert outcome.val_loss is not None
    assert outcome.val_loss < 2


def test_steps_of_an_epoch_are_those_of_the_optimizer(tmp_path: Path, teachers: str) -> None:
    shared = ("distiller=plain", "recipe.schedule=cosine", "recipe.epochs=2", "chance=null", teachers)
    for batches in (1, 2):
        run = tmp_path / str(batches)
        trained(run, *shared, f"+trainer.accumulate_grad_batches={batches}")
        kept = torch.load(run / "last.ckpt", weights_only=True)
        assert kept["lr_schedulers"][0]["last_epoch"] == 2 * ceil(18 / batches)
        assert kept["lr_schedulers"][0]["_last_lr"][0] == pytest.approx(0, abs=1e-12)


def test_a_loader_without_a_length_is_refused_where_it_has_to_be_known(tmp_path: Path) -> None:
    class Endless:
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield torch.randn(4, 1, 8, 8), torch.arange(4)

    student = build("model", "resnet8", num_classes=10, in_channels=1)
    learner = Learner(student, Composed(), build("recipe", "quick", schedule="cosine"), 1, 10)
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    with pytest.raises(UserError, match="needs to know how many batches an epoch has, and the loader has no length"):
        trainer.fit(learner, Endless())
