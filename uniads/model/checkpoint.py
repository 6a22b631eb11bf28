"""Files of networks: written atomically, read without executing anything in them."""

import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from struct import error as StructError
from typing import Any, TypeGuard
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor, nn

from uniads.error import DamagedFileError, MissingFileError, UserError, first_line
from uniads.model.weights import check_fit, hash_contents, load

__all__ = ["DAMAGED", "check_fit", "hash_contents", "is_whole", "load", "read", "read_plain", "save"]

CONVERT = (
    "python -c \"import torch; f = torch.load(FILE, weights_only=False, map_location='cpu'); "
    "torch.save({'model': f['model']}, NEW)\""
)

CONTENTS = "contents_hash"
"""The fact that tells a file whose bytes were changed."""
LIGHTNING = "pytorch-lightning_version"
"""The entry by which Lightning's checkpoints are known."""
OWN = "uniads"
"""The entry of a Lightning checkpoint with the facts about its student."""
DAMAGED = (
    RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError, AttributeError, AssertionError, StructError,
    OverflowError, MemoryError, RecursionError, NotImplementedError, zlib.error, UnpicklingError,
)  # fmt: skip
"""What ``torch.load`` raises on files whose bytes were cut or changed."""


def save(network: nn.Module, file: Path, **facts: Any) -> None:
    """Write a network's weights and plain facts about it to a file, all of it or nothing.

    Beside them stands a hash of both, by which ``read`` notices a file whose bytes were changed.

    Args:
        network: whose ``state_dict`` is saved: on the CPU, contiguous, no tensor sharing memory with another.
        file: replaced if it exists.
        facts: numbers, texts, lists and dicts of them.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    weights = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
    partial = file.with_name(f"{file.name}.{os.getpid()}.part")
    torch.save({"model": weights, **facts, CONTENTS: hash_contents(weights, facts)}, partial)
    os.replace(partial, file)


def read(file: Path) -> dict[str, Any]:
    """What ``save`` wrote, or another's file: the weights under ``model``, and the facts beside them.

    Another's file holds its weights under ``model`` or ``state_dict``, or holds nothing else. It may come from a GPU,
    be of the format before PyTorch 1.6. Of a checkpoint of Lightning, such as the ``last.ckpt`` of a training, the
    student is read. Names are as the file has them; ``load`` knows what wrappers put before them.

    Raises:
        MissingFileError: there is no such file.
        DamagedFileError: it is not whole, or its bytes were changed.
        UserError: it holds more than weights and plain facts.
    """
    content = read_plain(file)
    facts = content if isinstance(content, Mapping) else {}
    for weights in (facts.get("model"), facts.get("state_dict"), facts):
        if _are_weights(weights):
            break
    else:
        raise UserError(f"{file} holds no 'model' with weights; wrap them: torch.save({{'model': state_dict}}, FILE)")
    others = {} if weights is facts else {name: fact for name, fact in facts.items() if name not in ("model", CONTENTS)}
    if isinstance(facts.get(CONTENTS), str) and facts[CONTENTS] != hash_contents(weights, others):
        raise DamagedFileError(
            f"{file} does not hold what was saved: its hash is another one, so bytes of it were changed; fetch or make "
            "it anew"
        )
    if LIGHTNING in facts:
        return {**_own_facts(facts), "model": _student(weights)}
    return {**others, "model": dict(weights)}


def read_plain(file: Path) -> Any:
    """What a file of torch holds, if that is weights and plain values.

    Raises:
        MissingFileError: there is no such file.
        DamagedFileError: it is not whole.
        UserError: it holds other objects.
    """
    if file.is_dir():
        inside = [name for name in ("student.pt", "teacher.pt") if (file / name).is_file()]
        raise MissingFileError(f"{file} is a folder; give a file in it, such as {file / (inside or ['student.pt'])[0]}")
    if not file.is_file():
        raise MissingFileError(f"no checkpoint at {file}; give the path of a saved student or teacher")
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise DamagedFileError(
            f"{file} is damaged, or holds objects beside weights, which are not loaded since they could run code "
            f"({_forbidden(error)}); if you trust whoever made it, convert it once: {CONVERT}"
        ) from None
    except DAMAGED as error:
        raise DamagedFileError(
            f"{file} is no whole checkpoint ({first_line(error) or type(error).__name__}); fetch or make it anew"
        ) from None


def is_whole(file: Path) -> bool:
    """Whether every byte of a file of torch is as it was written, by the checksums in it."""
    try:
        with ZipFile(file) as archive:
            return archive.testzip() is None
    except (BadZipFile, *DAMAGED):
        return False


def _own_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    own = facts.get(OWN)
    return {str(name): fact for name, fact in own.items()} if isinstance(own, Mapping) else {}


def _student(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The student, or its average, among the weights of a LightningModule; all where none is called so."""
    for prefix in ("average.module.", "student.", "model."):
        if found := {n.removeprefix(prefix): value for n, value in weights.items() if n.startswith(prefix)}:
            return found
    return weights


def _forbidden(error: UnpicklingError) -> str:
    """What a pickle asks for that is no weight, such as argparse.Namespace; else the error's first line."""
    named = re.search(r"GLOBAL (\S+)", str(error))
    return named[1] if named else first_line(error) or type(error).__name__


def _are_weights(thing: Any) -> TypeGuard[Mapping[str, Tensor]]:
    """Whether it maps names to tensors, one at least."""
    return (
        isinstance(thing, Mapping)
        and bool(thing)
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in thing.items())
    )
