"""Laws that hold for any input."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from uniads.transform.base import RandomTransform, Transform
from uniads.transform.batch import Batch
from uniads.transform.batchnorm import BatchNorm
from uniads.transform.bmm import BMM
from uniads.transform.catt import Catt
from uniads.transform.channel import Channel
from uniads.transform.drop import Drop
from uniads.transform.exp import Exp
from uniads.transform.local_s import LocalS
from uniads.transform.mask import Mask
from uniads.transform.min_max import MinMax
from uniads.transform.mm import MM
from uniads.transform.multi_scale import MultiScale
from uniads.transform.natt import Natt
from uniads.transform.norm_c import NormC
from uniads.transform.norm_hw import NormHW
from uniads.transform.norm_n import NormN
from uniads.transform.satt import Satt
from uniads.transform.scale_r import ScaleR
from uniads.transform.softmax_c import SoftmaxC
from uniads.transform.softmax_hw import SoftmaxHW
from uniads.transform.softmax_n import SoftmaxN

some = settings(deadline=None, max_examples=30, derandomize=True)
sides = st.integers(1, 6)
seeds = st.integers(0, 2**31)
by_name = {"ids": lambda t: type(t).__name__}


@st.composite
def maps(draw: st.DrawFn) -> Tensor:
    """Feature maps of any small shape and ordinary size, in float64."""
    shape = [draw(sides) for _ in range(4)]
    size = draw(st.floats(1e-2, 10))
    return size * torch.randn(shape, generator=torch.Generator().manual_seed(draw(seeds)), dtype=torch.float64)


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("gram", [BMM(), MM()], **by_name)
@some
@given(x=maps())
def test_gram_matrices_are_symmetric_and_positive_semidefinite(gram: Transform, x: Tensor) -> None:
    view = gram(x)
    close(view, view.mT)
    assert torch.linalg.eigvalsh(view).min() >= -1e-9 * view.abs().max()


@some
@given(x=maps())
def test_gram_matrices_see_no_order_of_positions(x: Tensor) -> None:
    close(BMM()(x.flip(2, 3)), BMM()(x))
    close(MM()(x.flip(1, 2, 3)), MM()(x))


@pytest.mark.parametrize("softmax", [SoftmaxHW(), SoftmaxC(tau=4.0), SoftmaxN()], **by_name)
@some
@given(x=maps(), shift=st.floats(-50, 50))
def test_softmaxes_sum_to_one_and_ignore_a_shift(softmax: Transform, x: Tensor, shift: float) -> None:
    view = softmax(x)
    assert softmax.simplex is not None
    close(view.sum(softmax.simplex), torch.ones_like(view.sum(softmax.simplex)))
    close(softmax(x + shift), view)


@pytest.mark.parametrize(("norm", "axes"), [(NormHW(), (2, 3)), (NormC(), (1,)), (NormN(), (0,))], **by_name)
@some
@given(x=maps(), factor=st.floats(1e-3, 1e3))
def test_norms_give_length_one_and_ignore_scale(
    norm: Transform, axes: tuple[int, ...], x: Tensor, factor: float
) -> None:
    length = norm(x).square().sum(axes).sqrt()
    close(length, torch.ones_like(length))
    close(norm(factor * x), norm(x))


@some
@given(x=maps(), factor=st.floats(1, 1e3), shift=st.floats(-10, 10))
def test_batchnorm_centres_each_channel_and_ignores_a_shift(x: Tensor, factor: float, shift: float) -> None:
    view = BatchNorm()(factor * x + shift)
    close(view.mean((0, 2, 3)), torch.zeros(x.shape[1], dtype=torch.float64))
    assert (view.var((0, 2, 3), correction=0) <= 1).all()
    close(view, BatchNorm()(factor * x))


@some
@given(x=maps())
def test_min_max_starts_at_zero_and_stays_below_one(x: Tensor) -> None:
    view = MinMax()(x)
    assert (view.amin((1, 2, 3)) == 0).all()
    assert (view < 1).all()


@some
@given(x=maps(), size=st.integers(1, 5))
def test_a_pyramid_level_keeps_the_maximum_of_each_channel(x: Tensor, size: int) -> None:
    assert torch.equal(ScaleR(size)(x).amax((2, 3)), x.amax((2, 3)))
    assert torch.equal(MultiScale([size, 1])(x).amax(2), x.amax((2, 3)))


@pytest.mark.parametrize("size", [1, 2, 4])
@some
@given(x=maps())
def test_rearranging_keeps_every_value(size: int, x: Tensor) -> None:
    for rearrange in (LocalS(size), Batch(), Channel()):
        close(rearrange(x).square().flatten(1).sum(1), x.square().flatten(1).sum(1))


@some
@given(x=maps())
def test_attention_has_mean_one_and_ignores_signs(x: Tensor) -> None:
    for attention, axes in ((Satt(returns="attention"), (2, 3)), (Catt(returns="attention"), (1,)), (Natt(), (0,))):
        mean = attention(x).mean(axes)
        close(mean, torch.ones_like(mean))
    for attention in (Satt(), Catt()):
        close(attention(-x), -attention(x))


@some
@given(x=maps())
def test_attention_of_a_constant_map_leaves_it(x: Tensor) -> None:
    flat = x[:, :1, :1, :1].expand_as(x)
    close(Satt()(flat), flat)
    close(Catt()(flat), flat)


@some
@given(exponent=st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_exp_never_overflows(exponent: float) -> None:
    x = torch.tensor([[exponent]], dtype=torch.float32, requires_grad=True)
    view = Exp()(x)
    view.sum().backward()
    assert view.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("kind", [Mask, Drop])
@some
@given(seed=st.integers(0, 2**31), steps=st.integers(0, 3))
def test_draws_agree_between_calls_and_differ_after_redraw(kind: type[RandomTransform], seed: int, steps: int) -> None:
    ones = torch.ones(8, 3, 8, 8)
    transform = kind(seed=seed)
    for _ in range(steps):
        transform.redraw()
    first = transform(ones)
    assert torch.equal(transform(ones), first)
    transform.redraw()
    assert not torch.equal(transform(ones), first)


@pytest.mark.parametrize("kind", [Mask, Drop])
@some
@given(seed=st.integers(0, 2**31), steps=st.integers(0, 3))
def test_draws_come_from_the_seed_and_continue_from_a_saved_state(
    kind: type[RandomTransform], seed: int, steps: int
) -> None:
    ones = torch.ones(8, 3, 8, 8)
    saved = kind(seed=seed)
    for _ in range(steps):
        saved.redraw()
    expected = saved(ones)
    before = torch.get_rng_state()
    resumed = kind(seed=seed)
    resumed.load_state_dict(saved.state_dict())
    assert torch.equal(resumed(ones), expected)
    assert not torch.equal(kind(seed=seed + 1)(ones), kind(seed=seed)(ones))
    assert torch.equal(torch.get_rng_state(), before)
