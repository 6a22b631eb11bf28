"""fit(settings) -> Outcome: what is measured, what is kept, and that the test set stays closed."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from tests.journey import LIGHTNING, small
from uniads import build
from uniads.bridge.training_settings import configure
from uniads.error import UserError
from uniads.learner import compiling
from uniads.learner.compiling import can_compile
from uniads.learner.frozen import Frozen
from uniads.model import checkpoint
from uniads.model.base import count_params
from uniads.training.fit import fit
from uniads.training.parts import build_parts, load_data

pytestmark = LIGHTNING
GUARDED = '''
from uniads.data.base import Data, Images
import torch


class Guarded(Data):
    """Refuses to show its test set."""

    def __init__(self, **common):
        super().__init__(num_classes=4, mean=[0.5], std=[0.25], **common)

    def read(self, train):
        if not train:
            raise AssertionError("the test set was read")
        label = torch.arange(160) % 4
        generator = torch.Generator().manual_seed(0)
        noise = torch.randint(0, 40, (160, 1, 8, 8), generator=generator)
        return Images((50 * label.view(-1, 1, 1, 1) + noise).to(torch.uint8), label)
'''


@pytest.fixture
def teachers(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Overrides that put a data set in place which raises when its test set is read."""
    (tmp_path / "guarded.py").write_text(GUARDED)
    monkeypatch.syspath_prepend(tmp_path)
    gone = ("num_classes", "image_size", "train_size", "test_size", "noise")
    return ["data._target_=guarded.Guarded", *(f"~data.{name}" for name in gone)]


@pytest.mark.parametrize("closed", [("trial=true",), ("test=false",), ("trial=true", "test=true")])
def test_the_test_set_is_not_read(closed: tuple[str, ...], guarded: list[str], tmp_path: Path) -> None:
    outcome = fit(small(tmp_path / "run", *guarded, *closed))
    assert outcome.epochs > 0
    assert outcome.test_acc1_last is None
    assert outcome.test_acc1_best is None


def test_the_guard_would_have_noticed(guarded: list[str], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the test set was read"):
        fit(small(tmp_path / "run", *guarded, "distiller=plain", "recipe.epochs=1"))


def test_a_full_training_tells_and_keeps_last_and_best_epoch(teachers: str, tmp_path: Path) -> None:
    outcome = fit(small(tmp_path / "run", teachers))
    assert outcome.rejected is None
    assert outcome.epochs == 3
    assert outcome.best_epoch in (1, 2, 3)
    assert outcome.best_val_acc1 is not None
    assert outcome.val_acc1 is not None
    assert outcome.best_val_acc1 >= outcome.val_acc1
    assert None not in (outcome.test_acc1_last, outcome.test_acc1_best, outcome.teacher_val_acc1)
    for name, epoch in (("student.pt", "last"), ("student_best.pt", "best")):
        kept = checkpoint.read(tmp_path / "run" / name)
        assert (kept["epoch"], kept["num_classes"], kept["in_channels"]) == (epoch, 4, 1)
        student = build("model", "resnet8", num_classes=4, in_channels=1)
        checkpoint.load(student, kept["model"], name)
        assert count_params(student) == outcome.params


def test_an_exported_student_holds_no_adapter_and_scores_as_it_did(teachers: str, tmp_path: Path) -> None:
    settings = small(
        tmp_path / "run", teachers, "distiller=searched", "distiller.feature.tap=-1", "teacher.model.width=2"
    )
    parts = build_parts(settings)
    assert list(parts.distiller.parameters()), "nothing had to be aligned"
    outcome = fit(settings)
    kept = checkpoint.read(tmp_path / "run" / "student.pt")["model"]
    assert kept.keys() == build("model", "resnet8", num_classes=4, in_channels=1).state_dict().keys()
    assert outcome.params == count_params(parts.student)
    student = build("model", "resnet8", num_classes=4, in_channels=1)
    checkpoint.load(student, kept, "student.pt")
    batch = next(iter(load_data(settings).val(256)))
    right = (student.eval()(batch.image).logits.argmax(1) == batch.label).float().mean().item()
    assert right == pytest.approx(outcome.val_acc1)


def test_without_a_validation_split_nothing_is_the_best(teachers: str, tmp_path: Path) -> None:
    outcome = fit(small(tmp_path / "run", teachers, "data.holdout=false"))
    assert (outcome.val_loss, outcome.val_acc1, outcome.best_epoch, outcome.test_acc1_best) == (None,) * 4
    assert outcome.test_acc1_last is not None
    assert not (tmp_path / "run" / "student_best.pt").exists()


def test_numbers_are_plain_and_have_json(teachers: str, tmp_path: Path) -> None:
    outcome = fit(small(tmp_path / "run", teachers, "trial=true"))
    numbers = outcome.numbers()
    assert json.loads(json.dumps(numbers)) == numbers
    assert {"val_loss", "val_acc1", "params", "flops", "epoch_flops", "seconds", "epochs"} <= numbers.keys()
    assert "test_acc1_last" not in numbers


def test_an_epoch_costs_three_forward_passes_and_one_of_the_teachers(teachers: str, tmp_path: Path) -> None:
    alone = fit(small(tmp_path / "alone", "trial=true", "distiller=plain", "recipe.epochs=1"))
    taught = fit(small(tmp_path / "taught", teachers, "trial=true", "recipe.epochs=1"))
    assert alone.flops == taught.flops
    assert alone.epoch_flops == 3 * alone.flops * 288
    from uniads.model.flops import forward_flops

    teacher = forward_flops(build("model", "resnet14", num_classes=4, in_channels=1), torch.zeros(1, 1, 8, 8))
    assert taught.epoch_flops == alone.epoch_flops + 288 * teacher


def test_floating_point_operations_are_two_a_multiplication() -> None:
    from uniads.model.flops import forward_flops

    layer = torch.nn.Conv2d(3, 5, 3, padding=1, bias=False).train()
    assert forward_flops(layer, torch.zeros(1, 3, 8, 8)) == 2 * 3 * 5 * 9 * 64
    assert layer.training


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["compile=graphs"], r"^compile must be true, false or auto on a CPU, got 'graphs'"),
        (["teacher.compile=graphs"], r"^teacher.compile must be true, false or auto on a CPU, got 'graphs'"),
        (["teacher.compile=fast"], r"^teacher.compile must be true, false, auto or graphs, got 'fast'"),
        (["compile=graphs", "+trainer.accumulate_grad_batches=2"], r"accumulate_grad_batches must be 1 with .* got 2"),
    ],
)
def test_what_can_not_be_compiled_is_refused_before_a_teacher_is_trained(
    settings: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        fit(small(tmp_path / "run", *settings, "trainer.accelerator=cpu"))
    assert not (tmp_path / "teachers").exists()


@pytest.mark.skipif(not can_compile(), reason="there is no C++ compiler")
def test_a_long_training_compiles_a_teacher_in_float32_and_none_in_bfloat16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "CPU_FLOPS", 1.0)
    modes = {}
    for dtype in ("float32", "bfloat16"):
        settings = (f"paths.teacher_dir={tmp_path / 'teachers'}", f"teacher.dtype={dtype}", "trainer.accelerator=cpu")
        asked = build_parts(small(tmp_path / dtype, *settings)).learner.teacher
        assert isinstance(asked, Frozen)
        modes[dtype] = asked.compiled
    assert modes == {"float32": compiling.DEFAULT, "bfloat16": None}


def test_no_network_is_a_sentence(tmp_path: Path) -> None:
    settings = configure(f"paths.run_dir={tmp_path}", "distiller=plain", "logger=csv", "callback=none")
    with pytest.raises(ValueError, match=r"student is not chosen; add a pair of networks, such as \+pair="):
        fit(settings)


def test_a_fitted_teacher_is_as_before(teachers: str, tmp_path: Path) -> None:
    settings = small(tmp_path / "run", teachers, "distiller=searched", "trial=true")
    parts = build_parts(settings)
    assert parts.teacher
    before = parts.teacher.file.read_bytes()
    weights = {name: value.clone() for name, value in parts.teacher.network.state_dict().items()}
    fit(settings)
    again = build_parts(settings).teacher
    assert again
    assert all(torch.equal(value, weights[name]) for name, value in again.network.state_dict().items())
    assert parts.teacher.file.read_bytes() == before


def test_trials_of_a_process_share_its_data_and_its_teacher(teachers: str, tmp_path: Path) -> None:
    shared = (teachers, "trial=true", "data.seed=0")  # as a search sets it
    first, second = (build_parts(small(tmp_path / name, *shared, f"seed={name}")) for name in ("1", "2"))
    assert first.data is second.data
    assert first.teacher is second.teacher
    assert first.student is not second.student


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["distiller=dk"], "there is no distiller 'dk'; .*Did you mean dkd"),
        (["foo=1"], "Could not override 'foo'"),
        (["+distiller=kd"], r"Leave out the \+ before a group that has an option already"),
    ],
)
def test_a_typing_mistake_is_a_users_error_in_python_too(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        configure("+pair=resnet56-resnet20", *overrides)


def test_a_training_from_python_leaves_its_outcome_beside_the_student(tmp_path: Path) -> None:
    outcome = fit(small(tmp_path / "run", "distiller=plain", "recipe.epochs=1", "recipe.milestones=[]", "chance=null"))
    kept = json.loads((tmp_path / "run" / "outcome.json").read_text())
    assert kept == json.loads(json.dumps(asdict(outcome)))
    with pytest.raises(UserError, match=r"run is a folder; give a file in it, such as .*student\.pt"):
        checkpoint.read(tmp_path / "run")


def test_a_training_that_is_stopped_at_once_leaves_its_outcome_in_a_new_folder(tmp_path: Path) -> None:
    run = tmp_path / "new" / "run"
    outcome = fit(small(run, "distiller=plain", "chance=0.001", "logger=none"))
    assert outcome.rejected is not None
    assert json.loads((run / "outcome.json").read_text())["rejected"] == outcome.rejected
