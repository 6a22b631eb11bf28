"""In which precision a student's layers compute."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from uniads.learner.frozen import fast_dtype


def faster_dtype(network: nn.Module, device: torch.device) -> torch.dtype:
    """bfloat16 where a device trains a network faster with it, else float32.

    A CPU that multiplies matrices in bfloat16 does, unless the network has depthwise convolutions, whose gradients
    torch 2.12 computes slowly there: a step of MobileNetV2 takes twice as long.

    Args:
        network: whose layers compute.
        device: where they do.
    """
    slow = device.type == "cpu" and any(map(_is_depthwise, network.modules()))
    return torch.float32 if slow else fast_dtype(device)


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1


def casting(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """Where layers compute in bfloat16, while their weights stay as they are; with float32 nothing is changed."""
    return torch.autocast(device.type, dtype) if dtype == torch.bfloat16 else nullcontext()
