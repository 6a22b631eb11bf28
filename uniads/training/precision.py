"""In which precision a training's student computes."""

import torch
from torch import nn

from uniads.learner.precision import faster_dtype
from uniads.settings.trainer import FULL
from uniads.settings.training import BFLOAT16, FLOAT32, TrainingSettings

DTYPES = {FLOAT32: torch.float32, BFLOAT16: torch.bfloat16}


def student_dtype(settings: TrainingSettings, student: nn.Module) -> torch.dtype:
    """What ``dtype`` comes to on this machine. A trainer with a precision of its own is left alone by ``auto``."""
    if settings.dtype in DTYPES:
        return DTYPES[settings.dtype]
    full = str(settings.trainer.facts.get("precision")) in FULL
    return faster_dtype(student, settings.trainer.device) if full else torch.float32
