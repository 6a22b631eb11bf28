"""The GPUs that a process may use, by the names that other processes know them by."""

import os

import torch

from uniads.launcher.worker import VISIBLE


def visible_gpus() -> list[str]:
    """Names for CUDA_VISIBLE_DEVICES, one for each GPU: numbers, or what the variable holds already."""
    count = torch.cuda.device_count()
    given = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return (given or [str(number) for number in range(count)])[:count]
