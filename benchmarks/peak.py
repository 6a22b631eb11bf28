"""Peak memory of a piece of work: what torch has allocated at most, over what it had before."""

import os
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile


def peak_bytes(work: Callable[[], object], device: str = "cpu") -> int:
    """Bytes allocated at the highest point of some work, less those at its start.

    Args:
        work: run twice: the first run, which may allocate workspaces for good, does not count.
        device: ``cpu`` or ``cuda``.
    """
    work()
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # it tells of every start and stop
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiled:
        work()
    results = getattr(profiled.profiler, "kineto_results")  # noqa: B009  # no public interface tells sizes in order
    changes = [(event.start_ns(), event.nbytes()) for event in results.events() if event.name() == "[memory]"]
    held = peak = 0
    for _, size in sorted(changes):
        held += size
        peak = max(peak, held)
    return peak
