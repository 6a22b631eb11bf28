"""In which precision networks compute."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""What a configuration calls them."""


def dtype_name(dtype: torch.dtype) -> str:
    """Its name in a configuration."""
    return str(dtype).removeprefix("torch.")


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes with it faster than with float32, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return torch.bfloat16 if known.get("avx512_bf16") or known.get("amx_bf16") else torch.float32


def training_dtype(network: nn.Module, device: torch.device) -> torch.dtype:
    """``fast_dtype`` where a device trains a network faster with it, else float32.

    A CPU does not if the network has depthwise convolutions, whose gradients torch 2.12 computes slowly there in
    bfloat16: a step of MobileNetV2 takes twice as long.

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
