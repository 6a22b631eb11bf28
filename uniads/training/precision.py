"""In which precision a training's student computes."""

import torch
from torch import nn

from uniads.learner.precision import DTYPES, training_dtype
from uniads.model.base import AUTO
from uniads.settings.trainer import FULL
from uniads.settings.training import TrainingSettings


def student_dtype(settings: TrainingSettings, student: nn.Module) -> torch.dtype:
    """What ``dtype`` comes to on this machine. A trainer with a precision of its own is left alone by ``auto``."""
    if settings.dtype != AUTO:
        return DTYPES[settings.dtype]
    full = str(settings.trainer.facts.get("precision")) in FULL
    return training_dtype(student, settings.trainer.device) if full else torch.float32
