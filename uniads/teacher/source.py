"""How a training asks its teacher: live or through a store, compiled or not."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.distiller.taps import needed_taps
from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.learner.frozen import DEFAULT, GRAPHS, Frozen, earns_compiling, fast_dtype
from uniads.learner.loop import device_of
from uniads.model.base import Network
from uniads.model.flops import forward_flops
from uniads.teacher.provider import Teacher
from uniads.teacher.store import AUTO, DTYPES, TeacherStore, kept_taps


def asked(
    cfg: DictConfig, data: Data, distiller: Distiller, teacher: Teacher, knowledge: Knowledge
) -> Frozen | TeacherStore:
    """The teacher as the learner asks it.

    Args:
        cfg: of a training.
        data: what it trains on.
        distiller: what it trains with.
        teacher: any.
        knowledge: the teacher's, of any batch, by its shapes.

    Raises:
        UserError: ``teacher.dtype``, ``teacher.compile`` or ``teacher_store.dtype`` is no setting.
    """
    device = device_of(cfg.trainer)
    loader = data.train(cfg.recipe.batch_size, device)
    epochs = min(cfg.epochs, data.views or cfg.epochs)
    dtype = answer_dtype(cfg)
    flops = 0.0
    if dtype == torch.float32:
        flops = teacher_flops(teacher.network, (data.channels, *data.size)) * len(loader.index) * epochs
    mode = compile_mode("teacher.compile", cfg.teacher.compile, device, epochs * len(loader), flops)
    frozen = Frozen(teacher.network, dtype, mode)
    directory = store_directory(cfg)
    if directory is None:
        return frozen
    settings = cfg.teacher_store
    count = len(knowledge.features)
    needed = needed_taps(distiller, count)
    if not set(needed) <= set(kept_taps(knowledge, settings.dtype, len(loader.index) * epochs, settings.max_gb)):
        return frozen
    return TeacherStore(frozen, directory / batches_key(cfg, teacher), loader, needed, count, settings.dtype)


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


def answer_dtype(cfg: DictConfig) -> torch.dtype:
    """In which the teacher of a training computes, here.

    Raises:
        UserError: ``teacher.dtype`` is no setting.
    """
    setting = cfg.teacher.dtype
    if setting == AUTO:
        return fast_dtype(device_of(cfg.trainer))
    if setting not in DTYPES or setting == "float16":
        raise UserError(f"teacher.dtype must be float32, bfloat16 or auto, got {setting!r}")
    return DTYPES[setting]


@lru_cache(maxsize=1)
def teacher_flops(network: Network, shape: tuple[int, ...]) -> int:
    """Floating-point operations of a teacher's forward pass of one image; counted once for all trials of a process."""
    return forward_flops(network, torch.zeros(1, *shape, device=next(network.parameters()).device))


def own_store(cfg: DictConfig) -> Path | None:
    """The store of this training alone; None where it has none or shares another's."""
    shared = cfg.teacher_store.directory is not None or cfg.data.views is None
    return None if shared else Path(cfg.paths.run_dir) / "teacher_store"


def store_directory(cfg: DictConfig) -> Path | None:
    """Where the teacher's answers are kept; None where nobody would read them again."""
    given = cfg.teacher_store.directory
    return own_store(cfg) if given is None else Path(given)


def batches_key(cfg: DictConfig, teacher: Teacher) -> str:
    """A short hash of all that decides what a teacher is shown, which teacher it is, and how it is asked."""
    parts = [OmegaConf.to_yaml(cfg.data, resolve=True), str(cfg.recipe.batch_size), str(teacher.file.resolve())]
    how = [str(answer_dtype(cfg)), str(cfg.teacher.compile), str(cfg.teacher_store.dtype)]
    return sha256("\n".join(parts + how).encode()).hexdigest()[:12]
