"""A network is compiled where that is asked for, or makes the training shorter."""

import pytest
import torch

from uniads import build
from uniads.learner.compiling import CPU_FLOPS, CUDA_PASSES, DEFAULT, GRAPHS, compile_mode, earns_compiling
from uniads.teacher.source import teacher_flops

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_compiling_has_to_be_earned() -> None:
    assert earns_compiling(CPU, 1, CPU_FLOPS)
    assert not earns_compiling(CPU, 10**9, CPU_FLOPS / 2)
    assert earns_compiling(GPU, CUDA_PASSES, 0)
    assert not earns_compiling(GPU, CUDA_PASSES - 1, 1e30)


@pytest.mark.parametrize("device", [CPU, GPU])
def test_graphs_are_never_chosen_by_themselves(device: torch.device) -> None:
    assert compile_mode("compile", True, device, 0, 0) == DEFAULT
    assert compile_mode("compile", False, device, 10**9, 1e30) is None
    assert compile_mode("compile", "auto", device, 10**9, 1e30) == DEFAULT
    assert compile_mode("compile", "auto", device, 0, 0) is None
    with pytest.raises(ValueError, match=r"teacher.compile must be true, false, auto or graphs, got 'yes'"):
        compile_mode("teacher.compile", "yes", device, 0, 0)


def test_graphs_need_a_gpu() -> None:
    assert compile_mode("compile", "graphs", GPU, 0, 0) == GRAPHS
    with pytest.raises(ValueError, match=r"compile must be true, false or auto on a CPU, got 'graphs'.*compile=auto"):
        compile_mode("compile", "graphs", CPU, 0, 0)


def test_a_search_on_digits_compiles_nothing_and_cifar_does() -> None:
    flops = teacher_flops(build("model", "wrn_40_2"), (3, 32, 32))
    assert earns_compiling(CPU, 240 * 704, flops * 45_000 * 240)
    digits = teacher_flops(build("model", "wrn_40_2", in_channels=1), (1, 8, 8))
    assert not earns_compiling(CPU, 3 * 41, digits * 1293 * 3)
