"""What one job may change for the next one in its process, and finds again as it was."""

import gc
import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def restored_state() -> Iterator[None]:
    """Put this process's global state back at the end of the block: the system's, Python's, NumPy's and torch's.

    What cannot be read, such as the number of threads between operations, is left alone, and so are libraries that
    nobody has imported yet.
    """
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    undo = _remember_process()
    undo += _remember_numpy(numpy) if numpy else []
    undo += _remember_torch(torch) if torch else []
    with warnings.catch_warnings():
        try:
            yield
        finally:
            for restore in reversed(undo):
                restore()


def _remember_process() -> list[Callable[[], Any]]:
    environment, path = dict(os.environ), list(sys.path)
    draws, depth, collecting = random.getstate(), sys.getrecursionlimit(), gc.isenabled()
    disabled = logging.root.manager.disable
    here: str | None = None
    with suppress(OSError):
        here = os.getcwd()

    def restore_environment() -> None:
        for name in [name for name in os.environ if name not in environment]:
            del os.environ[name]
        os.environ.update({name: value for name, value in environment.items() if os.environ.get(name) != value})

    def restore_place() -> None:
        with suppress(OSError):
            if here is not None:
                os.chdir(here)

    return [
        restore_environment,
        restore_place,
        lambda: sys.path.__setitem__(slice(None), path),
        lambda: random.setstate(draws),
        lambda: sys.setrecursionlimit(depth),
        gc.enable if collecting else gc.disable,
        lambda: logging.disable(disabled),
    ]


def _remember_numpy(numpy: Any) -> list[Callable[[], Any]]:
    draws, errors = numpy.random.get_state(), numpy.geterr()
    return [lambda: numpy.random.set_state(draws), lambda: numpy.seterr(**errors)]


def _remember_torch(torch: Any) -> list[Callable[[], Any]]:
    return [*_remember_defaults(torch), *_remember_modes(torch), *_remember_backends(torch)]


def _remember_defaults(torch: Any) -> list[Callable[[], Any]]:
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    threads, draws = torch.get_num_threads(), torch.get_rng_state()

    def restore_device() -> None:
        if torch.get_default_device() != device:
            torch.set_default_device(None)
            if torch.get_default_device() != device:
                torch.set_default_device(device)

    def restore_threads() -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)

    restore = [
        restore_device,
        restore_threads,
        lambda: torch.set_default_dtype(dtype),
        lambda: torch.set_rng_state(draws),
    ]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states = torch.cuda.get_rng_state_all()
        restore.append(lambda: torch.cuda.set_rng_state_all(states))
    return restore


def _remember_modes(torch: Any) -> list[Callable[[], Any]]:
    grad = torch.is_grad_enabled()
    deterministic = torch.are_deterministic_algorithms_enabled()
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    anomaly, checks_nan = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
    casts = {kind: (torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda")}
    keeps_casts = torch.is_autocast_cache_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory
    denormal = bool(_halve_smallest(torch) != 0)

    def restore_casts() -> None:
        for kind, (enabled, dtype) in casts.items():
            torch.set_autocast_enabled(kind, enabled)
            torch.set_autocast_dtype(kind, dtype)
        torch.set_autocast_cache_enabled(keeps_casts)

    return [
        lambda: torch.set_grad_enabled(grad),
        lambda: torch.use_deterministic_algorithms(deterministic, warn_only=only_warns),
        lambda: torch.autograd.set_detect_anomaly(anomaly, checks_nan),
        lambda: setattr(torch.utils.deterministic, "fill_uninitialized_memory", fills),
        lambda: torch.set_flush_denormal(not denormal),
        restore_casts,
    ]


def _halve_smallest(torch: Any) -> Any:
    """Half of the smallest normal number, which is 0 where numbers below it are flushed."""
    return torch.tensor(torch.finfo(torch.float32).tiny, dtype=torch.float32, device="cpu") * 0.5


FLAGS = {
    "cudnn": ("enabled", "benchmark", "deterministic", "allow_tf32"),
    "cuda.matmul": ("allow_tf32", "allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction"),
    "mkldnn": ("enabled", "deterministic"),
    "opt_einsum": ("enabled", "strategy"),
}
"""Switches under ``torch.backends``, as far as a version of torch has them."""


def _remember_backends(torch: Any) -> list[Callable[[], Any]]:
    precision = torch.get_float32_matmul_precision()
    restore: list[Callable[[], Any]] = [lambda: torch.set_float32_matmul_precision(precision)]
    for path, names in FLAGS.items():
        backend = torch.backends
        with suppress(AttributeError):
            for step in path.split("."):
                backend = getattr(backend, step)
            for name in names:
                restore += _remember_flag(backend, name)
    return restore


def _remember_flag(backend: Any, name: str) -> list[Callable[[], Any]]:
    try:
        value = getattr(backend, name)
    except (AttributeError, RuntimeError):
        return []

    def restore() -> None:
        with suppress(AttributeError, RuntimeError):  # where new and old names of a switch are mixed, torch refuses
            if getattr(backend, name) != value:
                setattr(backend, name, value)

    return [restore]
