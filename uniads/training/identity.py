"""What a training is: everything that its weights depend on, by configuration key."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from uniads.settings.dtype import FLOAT32
from uniads.settings.training import RUNNING, TrainingSettings
from uniads.teacher.assistants import teaching_facts
from uniads.teacher.identity import data_facts, recipe_facts

INDIFFERENT_TRAINER = (
    "_target_", "accelerator", "default_root_dir", "deterministic", "benchmark", "detect_anomaly", "barebones",
    "enable_checkpointing", "enable_model_summary", "enable_progress_bar", "inference_mode", "log_every_n_steps",
    "logger", "max_epochs", "num_sanity_val_steps", "profiler",
)  # fmt: skip
"""Settings of the trainer that its weights don't depend on, or only by rounding."""

INDIFFERENT_CALLBACKS = (
    "pytorch_lightning.callbacks.RichProgressBar", "pytorch_lightning.callbacks.TQDMProgressBar",
    "pytorch_lightning.callbacks.LearningRateMonitor", "pytorch_lightning.callbacks.DeviceStatsMonitor",
    "uniads.callback.sweep.Sweep",
)  # fmt: skip
"""Callbacks that only look on."""

SHOWN = 3
"""Differences that a message spells out."""


def identify_training(settings: TrainingSettings) -> dict[str, Any]:
    """Everything that the weights of a training depend on, as JSON has it; known before a teacher is trained.

    Images and files of weights count by their contents. Where a training stops does not count: with the same schedule
    it can go on. Neither do the machine, the number of threads and how the student is compiled, which only round.
    """
    trainer = {
        name: value for name, value in settings.trainer.facts.items()
        if value is not None and name not in INDIFFERENT_TRAINER
    }  # fmt: skip
    recipe = {name: value for name, value in recipe_facts(settings.recipe).items() if name != "epochs"}
    facts: dict[str, Any] = {
        "student": dict(settings.chosen_student.facts),
        "distiller": dict(settings.distiller.facts),
        "recipe": recipe,
        "data": data_facts(settings),
        "seed": settings.seed,
        "epochs": settings.schedule_epochs,
        "trainer": trainer,
    }
    if settings.statistics != RUNNING:
        facts["statistics"] = settings.statistics  # decides which epoch is the best
    if settings.dtype != FLOAT32:
        facts["dtype"] = settings.dtype
    callbacks = [dict(each.facts) for each in settings.callbacks if each.target not in INDIFFERENT_CALLBACKS]
    if callbacks:
        facts["callback"] = callbacks
    if settings.distiller().needs_teacher:
        teacher = teaching_facts(settings, settings.teacher.assistants)
        facts["teacher"] = {**teacher, "dtype": settings.teacher.dtype}
        if settings.stores:
            facts["teacher_store"] = {"dtype": settings.store.dtype}
    plain: dict[str, Any] = json.loads(json.dumps(facts, sort_keys=True, default=str))
    return plain


def describe_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """In which keys two trainings differ, and how; empty where they are the same."""
    found = sorted(_find_differences(there, here))
    shown = [f"{key} is {before} there and {now} here" for key, before, now in found[:SHOWN]]
    rest = [key for key, _, _ in found[SHOWN:]]
    return ", ".join([*shown, *([f"{', '.join(rest)} too"] if rest else [])])


def _find_differences(
    there: Mapping[str, Any], here: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Keys, and what they are on both sides. A part that is made of other parts counts as one."""
    for name in {*there, *here}:
        before, now = there.get(name), here.get(name)
        if before == now:
            continue
        parts = (before, now) if isinstance(before, Mapping) and isinstance(now, Mapping) else None
        if parts and (name in ("trainer", "recipe") or parts[0].keys() == parts[1].keys()):
            yield from _find_differences(*parts, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _spell(before), _spell(now)


def _spell(value: Any) -> str:
    if isinstance(value, Mapping):
        value = ", ".join(name for name in value if not name.startswith("_")) or "empty"
    text = "not set" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
