"""Every argument of Lightning's trainer is either allowed or refused with a reason."""

from inspect import signature

import pytest
from pytorch_lightning import Trainer as Lightning

from tests.schema.test_check import refusal
from uniads.schema.trainer import EXCLUDED, Trainer

ALLOWED = [name for name in Trainer.model_fields if name != "target"]


def test_the_installed_trainer_has_no_argument_that_is_not_decided_on() -> None:
    arguments = [name for name in signature(Lightning.__init__).parameters if name != "self"]
    assert len(arguments) > 35
    assert sorted(arguments) == sorted([*ALLOWED, *EXCLUDED])


@pytest.mark.parametrize("key", EXCLUDED)
def test_a_setting_that_a_training_does_not_survive_is_refused_with_its_reason(key: str) -> None:
    assert refusal("train", f"trainer.{key}", 2) == f"trainer.{key} is not allowed: {EXCLUDED[key]}"


@pytest.mark.parametrize(
    ("key", "bad", "good"),
    [
        ("accelerator", ["tpu", "mps", None, 1], ["cpu", "gpu", "auto"]),
        ("devices", [2, 0, -1, "auto", [0, 1], None, True], [1]),
        ("precision", ["bf17", 8, True, ""], ["32-true", "bf16-mixed", 16, "64", None]),
        ("deterministic", ["yes", 2], [True, False, "warn", None]),
        ("limit_train_batches", [0, -1, 1.5, 0.0, "all", True], [3, 0.5, 1.0, None]),
        ("accumulate_grad_batches", [0, 1.5, None], [1, 4]),
        ("gradient_clip_val", [0, -1.0, "big", float("inf")], [0.5, 1, None]),
        ("log_every_n_steps", [-1, 2.5, None], [1, 50]),
        ("num_sanity_val_steps", [2, -1], [0]),
        ("profiler", ["fast", 3], ["simple", None]),
        ("detect_anomaly", ["no", 1], [True, False]),
    ],
)
def test_a_setting_of_the_trainer_has_its_type_and_range(key: str, bad: list[object], good: list[object]) -> None:
    for value in bad:
        assert refusal("train", f"trainer.{key}", value).startswith(f"trainer.{key} must be "), value
    for value in good:
        assert not refusal("train", f"trainer.{key}", value), value


def test_settings_that_exclude_each_other_are_refused_together() -> None:
    assert "trainer.gradient_clip_val" in refusal("train", "trainer.gradient_clip_algorithm", "norm")
    assert "callback=none" in refusal("train", "trainer.enable_progress_bar", value=False)
