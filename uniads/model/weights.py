"""Weights of networks: hashed, named as a network names them, and put into it whole or not at all."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor, nn

from uniads.error import UserError

PREFIXES = ("_orig_mod.", "module.", "model.", "student.")
"""What stands before every name in files of torch.compile, DataParallel and Lightning."""


def hash_contents(weights: Mapping[str, Tensor], facts: Mapping[str, Any] | None = None) -> str:
    """A hash of weights by name, type, shape and bytes, and of plain facts beside them; the same on every machine."""
    digest = sha256(json.dumps(facts or {}, sort_keys=True, default=str).encode())
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode("utf-8", "backslashreplace"))
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def strip_prefixes(weights: Mapping[str, Tensor], names: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The weights under a network's own names, where a wrapper's name stands before each of them.

    Args:
        weights: by name.
        names: of the network. Without such a prefix, or where it is the network's own, the weights are as given.
    """
    found = weights
    while not found.keys() & names.keys():
        prefix = next((each for each in PREFIXES if all(name.startswith(each) for name in found)), None)
        if prefix is None:
            return weights
        found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def load(network: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    """Put weights into a network: all of them, each in its shape, or none.

    Only the counters of batch norm may be missing, which PyTorch 0.4.0 did not keep yet; they become 0.

    Args:
        network: on any device; changed only if everything fits.
        weights: by the network's names, or with one of ``PREFIXES`` before each of them.
        name: of the file, for messages.

    Raises:
        UserError: the weights belong to another architecture, or are no finite numbers; the network is as before.
    """
    given = check_fit(network, weights, name)
    network.load_state_dict(dict(given))


def check_fit(network: nn.Module, weights: Mapping[str, Tensor], name: str) -> Mapping[str, Tensor]:
    """The weights as the network takes them. The network may be on the device ``meta``, without weights of its own.

    Raises:
        UserError: the weights belong to another architecture, or are no finite numbers.
    """
    own = network.state_dict()
    counters = {
        key: torch.zeros(value.shape, dtype=value.dtype) for key, value in own.items()
        if key.endswith("num_batches_tracked")
    }  # fmt: skip
    given = {**counters, **strip_prefixes(weights, own)}
    differences = {
        "missing": [key for key in own if key not in given],
        "unknown": [key for key in given if key not in own],
        "of another shape": [
            f"{key} {tuple(given[key].shape)} instead of {tuple(own[key].shape)}"
            for key in own
            if key in given and given[key].shape != own[key].shape
        ],
        "of another type": [
            f"{key} {given[key].dtype} instead of {own[key].dtype}"
            for key in own
            if key in given and not _is_like(given[key], own[key])
        ],
    }
    found = [f"{what}: {', '.join(keys[:3])}{' ...' if keys[3:] else ''}" for what, keys in differences.items() if keys]
    if found:
        raise UserError(
            f"{name} holds the weights of another network than {type(network).__name__} as configured "
            f"({'; '.join(found)}); choose the model, classes and channels that it was made with"
        )
    if broken := [key for key, value in given.items() if value.is_floating_point() and not value.isfinite().all()]:
        raise UserError(
            f"{name} holds NaN or infinite values in {', '.join(broken[:3])}{' ...' if broken[3:] else ''}; its "
            "training diverged, or the file is damaged, so take another one"
        )
    return given


def _is_like(given: Tensor, own: Tensor) -> bool:
    """Whether a tensor holds plain numbers of the other's kind, whole or not."""
    plain = given.layout is torch.strided and not given.is_meta and not given.is_quantized and not given.is_complex()
    return plain and given.is_floating_point() == own.is_floating_point()
