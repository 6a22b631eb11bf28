"""Whether and how a network is compiled."""

import os
from getpass import getuser
from logging import getLogger
from shutil import which
from tempfile import gettempdir

import torch

from uniads.error import UserError
from uniads.model.base import AUTO

DEFAULT, GRAPHS = "default", "reduce-overhead"
"""How a network is compiled, by torch's names. With the second the GPU's work is recorded once and replayed."""

log = getLogger(__name__)

CPU_FLOPS = 1e15
"""float32 operations of the teacher in a whole training that earn its compilation back on a CPU.

Measured with WRN-40-2 on two cores, batch 64: a compiled pass of 42e9 operations saves between 5 and 33 ms of some 250
in several runs, and compiling takes 40 s. At the least 8000 passes, 3e14 operations, pay for it; three times that
leaves room. In bfloat16 a compiled pass was 6 ms faster with two threads and 9 ms slower with one.
"""

CUDA_PASSES = 50_000
"""Passes in a whole training that earn a compilation back on a GPU: 1 minute for a saving of 1 to 2 ms. An estimate."""


def compile_mode(name: str, setting: bool | str, device: torch.device, passes: int, flops: float) -> str | None:
    """How a network is compiled: ``DEFAULT`` or ``GRAPHS``; None: not at all.

    Args:
        name: of the setting.
        setting: True, False, ``auto`` or ``graphs``. ``auto`` never chooses graphs, since nobody measured where they
            are faster.
        device: where it runs.
        passes: batches in the whole training.
        flops: float32 operations of these forward passes.

    Raises:
        UserError: the setting is none of the four, or ``graphs`` without a GPU.
    """
    if setting == "graphs":
        if device.type != "cuda":
            raise UserError(
                f"{name} must be true, false or auto on a {device.type.upper()}, got 'graphs', which are a GPU's; "
                f"set {name}=auto, or train on a GPU"
            )
        return GRAPHS
    if setting == AUTO:
        setting = earns_compiling(device, passes, flops)
    if not isinstance(setting, bool):
        raise UserError(f"{name} must be true, false, auto or graphs, got {setting!r}")
    return DEFAULT if setting else None


def earns_compiling(device: torch.device, passes: int, flops: float) -> bool:
    """Whether compiling a network makes a training shorter: known from its configuration, so that every run agrees.

    Args:
        device: where it runs.
        passes: batches in the whole training.
        flops: float32 operations of these forward passes.
    """
    return passes >= CUDA_PASSES if device.type == "cuda" else flops >= CPU_FLOPS


def can_compile() -> bool:
    """Whether torch can compile for this machine's CPU; if not, a sentence is logged.

    A GPU's code is compiled by Triton, but what calls it is not: a C++ compiler is needed in any case.
    """
    _name_cache()
    compilers = (os.environ.get("CXX", ""), "g++", "clang++", "c++", "cl")
    if any(which(compiler) for compiler in compilers if compiler):
        return True
    log.warning("there is no C++ compiler (g++, clang++, or the one that CXX names): nothing is compiled")
    return False


def _name_cache() -> None:
    """Let torch name the folder of what it compiles by the number of a user whose name nobody knows."""
    try:
        getuser()
    except (KeyError, OSError, ImportError):
        number = os.getuid() if hasattr(os, "getuid") else 0
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.join(gettempdir(), f"torchinductor_{number}"))
