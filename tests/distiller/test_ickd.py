"""Inter-channel correlation: Gram matrices of channels, compared in the teacher's number of channels."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.distiller.contexts import context_of
from uniads import build
from uniads.distiller.channel_map import ChannelMap
from uniads.distiller.composed import Composed
from uniads.error import UserError
from uniads.knowledge import Knowledge

N = 3


def known(channels: int, size: int, seed: int) -> Knowledge:
    generator = torch.Generator().manual_seed(seed)
    last = torch.randn(N, channels, size, size, generator=generator, dtype=torch.float64)
    return Knowledge((last,), last.mean((2, 3)), torch.zeros(N, 5, dtype=torch.float64))


def adapted(student: Knowledge, teacher: Knowledge) -> Composed:
    torch.manual_seed(0)
    distiller: Any = build("distiller", "ickd")
    distiller.adapt(context_of(student, teacher))
    return distiller.double()


def correlations(x: Tensor) -> Tensor:
    """For one map (C, H, W) the products of its channels, each row over its length."""
    rows = torch.stack([torch.stack([(a * b).sum() for b in x]) for a in x])
    return rows / rows.square().sum(1, keepdim=True).sqrt()


def expected(distiller: Composed, student: Tensor, teacher: Tensor) -> Tensor:
    (node,) = distiller.nodes.values()
    adapter: Any = node.align
    mixed = torch.einsum("tc,nchw->nthw", adapter.convolution.weight.flatten(1), student)
    mean, variance = mixed.mean((0, 2, 3), keepdim=True), mixed.var((0, 2, 3), unbiased=False, keepdim=True)
    own = (mixed - mean) / (variance + 1e-5).sqrt()
    total = sum((correlations(s) - correlations(t)).square().sum() for s, t in zip(own, teacher, strict=True))
    channels = teacher.shape[1]
    return 2.5 * torch.as_tensor(total) / (channels * N)


@pytest.mark.parametrize(("own", "taught"), [((4, 6), (4, 6)), ((3, 6), (7, 6)), ((5, 4), (3, 7))])
def test_ickd_is_the_formula_of_its_authors_code(own: tuple[int, int], taught: tuple[int, int]) -> None:
    student, teacher = known(*own, seed=1), known(*taught, seed=2)
    distiller = adapted(student, teacher)
    mine = student.features[0].requires_grad_()
    leaves = [mine, *distiller.parameters()]
    results = []
    for value in (distiller(student, teacher)["feature"], expected(distiller, mine, teacher.features[0])):
        results.append((value, *torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)))
    for got, wanted in zip(*([x for x in each[:3]] for each in results), strict=True):
        assert bool(wanted.any())
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_ickd_sees_neither_the_teachers_scale_nor_its_size() -> None:
    student, teacher = known(3, 4, seed=1), known(4, 4, seed=2)
    distiller = adapted(student, teacher)
    value = distiller(student, teacher)["feature"]
    louder = 7 * teacher.features[0]
    wider = torch.cat([louder, louder], 3)
    for changed in (louder, wider, louder.flip(2)):
        same = distiller(student, teacher._replace(features=(changed,)))["feature"]
        torch.testing.assert_close(same, value, rtol=1e-9, atol=1e-12)


def test_a_channel_map_has_a_convolution_without_bias_also_for_equal_channels() -> None:
    adapter = ChannelMap((2, 6, 4, 4), (2, 6, 8, 8))
    assert [tuple(x.shape) for x in adapter.parameters()] == [(6, 6, 1, 1), (6,), (6,)]
    own, taught = adapter(torch.randn(1, 6, 1, 1), torch.randn(1, 6, 8, 8))
    assert own.shape == (1, 6, 1, 1)
    assert taught.shape == (1, 6, 8, 8)
    assert own.isfinite().all()


def test_a_channel_map_of_vectors_is_refused() -> None:
    with pytest.raises(UserError, match=r"a channel map takes two maps, got shapes \(2, 3\) and \(2, 4\)"):
        ChannelMap((2, 3), (2, 4))


def test_dead_maps_have_a_finite_gradient() -> None:
    student, teacher = known(3, 4, seed=1), known(4, 4, seed=2)
    distiller = adapted(student, teacher)
    dead = torch.zeros_like(student.features[0]).requires_grad_()
    value = distiller(student._replace(features=(dead,)), teacher)["feature"]
    value.backward()
    assert value.isfinite()
    assert dead.grad is not None
    assert dead.grad.isfinite().all()
