"""Files of networks: written atomically, read without executing anything in them."""

import os
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

CONVERT = (
    "python -c \"import torch; f = torch.load(FILE, weights_only=False, map_location='cpu'); "
    "torch.save({'model': f['model']}, NEW)\""
)


def save(network: nn.Module, file: Path, **facts: Any) -> None:
    """Write a network's weights and plain facts about it to a file, all of it or nothing.

    Args:
        network: whose ``state_dict`` is saved, on the CPU.
        file: replaced if it exists.
        facts: numbers, texts, lists and dicts of them.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    partial = file.with_name(f"{file.name}.{os.getpid()}.part")
    torch.save({"model": weights, **facts}, partial)
    os.replace(partial, file)


def read(file: Path) -> dict[str, Any]:
    """What ``save`` wrote: the weights under ``model``, and the facts.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds more than weights and plain facts.
    """
    if not file.is_file():
        raise FileNotFoundError(f"no checkpoint at {file}; give the path of a saved student or teacher")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise ValueError(
            f"{file} is damaged, or holds objects beside weights, which are not loaded since they could run code "
            f"({str(error).splitlines()[0]}); if you trust whoever made it, convert it once: {CONVERT}"
        ) from None
    except (RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{file} is no whole checkpoint ({str(error).splitlines()[0]}); fetch or make it anew"
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("model"), Mapping):
        raise ValueError(f"{file} holds no 'model' with weights; wrap them: torch.save({{'model': state_dict}}, FILE)")
    return content


def load(network: nn.Module, weights: Mapping[str, Any], name: str) -> None:
    """Put weights into a network, strictly.

    Raises:
        ValueError: they belong to another architecture.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        lines = str(error).splitlines()
        raise ValueError(
            f"{name} holds the weights of another network than {type(network).__name__} as configured "
            f"({' '.join(line.strip() for line in lines[1:3])}); choose the model that it was made with"
        ) from None
