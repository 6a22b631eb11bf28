"""Files of networks: written atomically, read without executing anything in them."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from struct import error as StructError
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from uniads.error import MissingFileError, UserError

CONVERT = (
    "python -c \"import torch; f = torch.load(FILE, weights_only=False, map_location='cpu'); "
    "torch.save({'model': f['model']}, NEW)\""
)

PARALLEL = "module."
DAMAGED = (
    RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError, AttributeError, AssertionError, StructError,
    OverflowError, MemoryError,
)  # fmt: skip
"""What ``torch.load`` raises on files whose bytes were cut or changed, beside ``UnpicklingError``."""


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
    """What ``save`` wrote, or another's file: the weights under ``model``, and the facts beside them.

    Another's file holds its weights under ``model`` or ``state_dict``, or holds nothing else. It may come from a GPU,
    be of the format before PyTorch 1.6, and have the ``module.`` of DataParallel before every name.

    Raises:
        MissingFileError: there is no such file.
        UserError: it is damaged, or holds more than weights and plain facts.
    """
    if not file.is_file():
        raise MissingFileError(f"no checkpoint at {file}; give the path of a saved student or teacher")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise UserError(
            f"{file} is damaged, or holds objects beside weights, which are not loaded since they could run code "
            f"({_forbidden(error)}); if you trust whoever made it, convert it once: {CONVERT}"
        ) from None
    except DAMAGED as error:
        raise UserError(f"{file} is no whole checkpoint ({_first_line(error)}); fetch or make it anew") from None
    facts = content if isinstance(content, Mapping) else {}
    for weights in (facts.get("model"), facts.get("state_dict"), facts):
        if _are_weights(weights):
            return {**({} if weights is facts else facts), "model": _without_module(weights)}
    raise UserError(f"{file} holds no 'model' with weights; wrap them: torch.save({{'model': state_dict}}, FILE)")


def _forbidden(error: UnpicklingError) -> str:
    """What a pickle asks for that is no weight, such as argparse.Namespace; else the error's first line."""
    named = re.search(r"GLOBAL (\S+)", str(error))
    return named[1] if named else _first_line(error)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _are_weights(thing: Any) -> TypeGuard[Mapping[str, Tensor]]:
    """Whether it maps names to tensors, one at least."""
    return (
        isinstance(thing, Mapping)
        and bool(thing)
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in thing.items())
    )


def _without_module(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without the prefix that DataParallel puts before every name."""
    every = all(name.startswith(PARALLEL) for name in weights)
    return {name.removeprefix(PARALLEL) if every else name: value for name, value in weights.items()}


def load(network: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    """Put weights into a network: all of them, each in its shape, or none.

    Only the counters of batch norm may be missing, which PyTorch 0.4.0 did not keep yet; they become 0.

    Raises:
        UserError: the weights belong to another architecture; the network is as before.
    """
    own = network.state_dict()
    counters = {key: torch.zeros_like(value) for key, value in own.items() if key.endswith("num_batches_tracked")}
    given = {**counters, **weights}
    differences = {
        "missing": [key for key in own if key not in given],
        "unknown": [key for key in given if key not in own],
        "of another shape": [
            f"{key} {tuple(given[key].shape)} instead of {tuple(own[key].shape)}"
            for key in own
            if key in given and given[key].shape != own[key].shape
        ],
    }
    found = [f"{what}: {', '.join(keys[:3])}{' ...' if keys[3:] else ''}" for what, keys in differences.items() if keys]
    if found:
        raise UserError(
            f"{name} holds the weights of another network than {type(network).__name__} as configured "
            f"({'; '.join(found)}); choose the model, classes and channels that it was made with"
        )
    network.load_state_dict(given)
