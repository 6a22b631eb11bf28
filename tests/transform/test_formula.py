"""Each formula by a worked number, or derived again with plain loops in float64."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from uniads.transform.batch import Batch
from uniads.transform.batchnorm import BatchNorm
from uniads.transform.bmm import BMM
from uniads.transform.catt import Catt
from uniads.transform.channel import Channel
from uniads.transform.drop import Drop
from uniads.transform.exp import Exp
from uniads.transform.identity import Identity
from uniads.transform.local_s import LocalS
from uniads.transform.mask import Mask
from uniads.transform.min_max import MinMax
from uniads.transform.mm import MM
from uniads.transform.multi_scale import MultiScale
from uniads.transform.natt import Natt
from uniads.transform.norm_c import NormC
from uniads.transform.norm_hw import NormHW
from uniads.transform.norm_n import NormN
from uniads.transform.pow2 import Pow2
from uniads.transform.relu import ReLU
from uniads.transform.satt import Satt
from uniads.transform.scale import Scale
from uniads.transform.scale_r import ScaleR
from uniads.transform.sigmoid import Sigmoid
from uniads.transform.softmax_c import SoftmaxC
from uniads.transform.softmax_hw import SoftmaxHW
from uniads.transform.softmax_n import SoftmaxN
from uniads.transform.tanh import Tanh

N, C, H, W = 3, 4, 5, 6


def number(*values: float) -> Tensor:
    """One sample with these values."""
    return torch.tensor([values], dtype=torch.float64)


def close(actual: Tensor, expected: object) -> None:
    torch.testing.assert_close(actual, torch.as_tensor(expected, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.fixture
def x() -> Tensor:
    return torch.randn((N, C, H, W), generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize(
    ("transform", "of_minus_one_zero_two"),
    [
        (Identity(), (-1, 0, 2)),
        (Scale(), (0, 0.5, 1.5)),
        (MinMax(), (0, 1 / 3.000001, 3 / 3.000001)),
        (Exp(bound=1.0), (math.exp(-1), 1, math.e)),
        (ReLU(), (0, 0, 2)),
        (Tanh(), (-math.tanh(1), 0, math.tanh(2))),
        (Sigmoid(), (1 / (1 + math.e), 0.5, 1 / (1 + math.exp(-2)))),
        (Pow2(), (1, 0, 4)),
        (ScaleR(size=2), (-1, 0, 2)),
        (NormC(), (-1 / math.sqrt(5), 0, 2 / math.sqrt(5))),
        (NormN(), (-1, 0, 1)),
        (BatchNorm(), (0, 0, 0)),
        (Natt(), (1, 1, 1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_worked_numbers_on_one_vector(transform: torch.nn.Module, of_minus_one_zero_two: tuple[float, ...]) -> None:
    close(transform(number(-1, 0, 2)), [of_minus_one_zero_two])


def test_exp_of_a_huge_value_is_exp_of_the_bound() -> None:
    close(Exp(bound=3.0)(number(1e30)), [[math.exp(3)]])


def test_batchnorm_standardises_each_channel_over_batch_and_positions(x: Tensor) -> None:
    a = x.numpy()
    expected = np.empty_like(a)
    for c in range(C):
        values = a[:, c].reshape(-1)
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        expected[:, c] = (a[:, c] - mean) / math.sqrt(variance + 1e-5)
    close(BatchNorm()(x), expected)


def test_min_max_of_a_sample_ignores_its_batch_mates(x: Tensor) -> None:
    alone = MinMax()(x[:1])
    x[1:] *= 100
    close(MinMax()(x)[:1], alone)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_scale_r_is_the_maximum_of_each_square(x: Tensor, size: int) -> None:
    a, rows, columns = x.numpy(), math.ceil(H / size), math.ceil(W / size)
    expected = np.empty((N, C, rows, columns))
    for i in range(rows):
        for j in range(columns):
            square = a[:, :, size * i : size * (i + 1), size * j : size * (j + 1)]
            expected[:, :, i, j] = square.max((2, 3))
    close(ScaleR(size)(x), expected)


def test_multi_scale_joins_the_three_levels(x: Tensor) -> None:
    view = MultiScale()(x)
    assert view.shape == (N, C, 30 + 9 + 4)
    close(view[..., :30], x.flatten(2))
    close(view[..., 30:39], ScaleR(2)(x).flatten(2))
    close(view[..., 39:], ScaleR(4)(x).flatten(2))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_local_s_moves_each_patch_to_the_channels_and_pads_with_zeros(x: Tensor, size: int) -> None:
    rows, columns = math.ceil(H / size), math.ceil(W / size)
    expected = np.zeros((N, C * size**2, rows, columns))
    for c in range(C):
        for h in range(H):
            for w in range(W):
                channel = c * size**2 + (h % size) * size + w % size
                expected[:, channel, h // size, w // size] = x[:, c, h, w].numpy()
    close(LocalS(size)(x), expected)


def test_batch_and_channel_flatten_in_reading_order(x: Tensor) -> None:
    assert Batch()(x).shape == (N, C * H * W)
    assert Channel()(x).shape == (N, C, H * W)
    assert Batch()(x)[1, 2 * H * W + 3 * W + 4] == x[1, 2, 3, 4]
    assert Channel()(x)[1, 2, 3 * W + 4] == x[1, 2, 3, 4]


def softmax(values: list[float], tau: float) -> list[float]:
    powers = [math.exp(v / tau) for v in values]
    return [p / sum(powers) for p in powers]


def test_satt_multiplies_each_position_by_the_root_of_its_attention(x: Tensor) -> None:
    expected, attention = np.empty_like(x.numpy()), np.empty((N, 1, H, W))
    for n in range(N):
        energy = [sum(abs(float(x[n, c, h, w])) for c in range(C)) / C for h in range(H) for w in range(W)]
        for p, share in enumerate(softmax(energy, tau=0.5)):
            attention[n, 0, p // W, p % W] = H * W * share
            expected[n, :, p // W, p % W] = x[n, :, p // W, p % W].numpy() * math.sqrt(H * W * share)
    close(Satt()(x), expected)
    close(Satt(returns="attention")(x), attention)


def test_catt_multiplies_each_channel_by_the_root_of_its_attention(x: Tensor) -> None:
    expected, attention = np.empty_like(x.numpy()), np.empty((N, C, 1, 1))
    for n in range(N):
        energy = [sum(map(abs, x[n, c].flatten().tolist())) / (H * W) for c in range(C)]
        for c, share in enumerate(softmax(energy, tau=0.5)):
            attention[n, c] = C * share
            expected[n, c] = x[n, c].numpy() * math.sqrt(C * share)
    close(Catt()(x), expected)
    close(Catt(returns="attention")(x), attention)


def test_catt_of_a_worked_vector() -> None:
    low, high = 1 / (1 + math.e**2), math.e**2 / (1 + math.e**2)
    close(Catt()(number(0, -1)), [[0, -math.sqrt(2 * high)]])
    close(Catt(returns="attention")(number(0, -1)), [[2 * low, 2 * high]])


def test_natt_of_two_samples() -> None:
    high = math.e**2 / (1 + math.e**2)
    close(Natt()(number(0, 1).T), [[2 * (1 - high)], [2 * high]])


def test_bmm_sums_products_of_channels_over_positions(x: Tensor) -> None:
    expected = np.zeros((N, C, C))
    for h in range(H):
        for w in range(W):
            for a in range(C):
                for b in range(C):
                    expected[:, a, b] += (x[:, a, h, w] * x[:, b, h, w]).numpy()
    close(BMM()(x), expected)


def test_mm_holds_the_inner_products_of_samples(x: Tensor) -> None:
    close(MM()(x), [[sum((x[m] * x[n]).flatten().tolist()) for n in range(N)] for m in range(N)])


@pytest.mark.parametrize(
    ("transform", "axes"), [(NormHW(), (2, 3)), (NormC(), (1,)), (NormN(), (0,))], ids=lambda v: type(v).__name__
)
def test_norms_divide_by_the_root_of_the_sum_of_squares(
    x: Tensor, transform: torch.nn.Module, axes: tuple[int, ...]
) -> None:
    a = x.numpy()
    close(transform(x), a / np.sqrt((a**2).sum(axes, keepdims=True)))


@pytest.mark.parametrize(
    ("transform", "axes"),
    [(SoftmaxHW(tau=4.0), (2, 3)), (SoftmaxC(tau=4.0), (1,)), (SoftmaxN(tau=4.0), (0,))],
    ids=lambda v: type(v).__name__,
)
def test_softmaxes_divide_by_tau_inside(x: Tensor, transform: torch.nn.Module, axes: tuple[int, ...]) -> None:
    powers = np.exp(x.numpy() / 4)
    close(transform(x), powers / powers.sum(axes, keepdims=True))


def test_mask_keeps_whole_positions_and_is_shared_by_different_channel_counts(x: Tensor) -> None:
    kept = Mask()(torch.ones(64, C, H, W)) != 0
    assert torch.equal(kept, kept[:, :1].expand_as(kept))
    assert torch.equal(kept[:, :2], Mask()(torch.ones(64, 2, H, W)) != 0)
    assert not torch.equal(kept[0], kept[1])
    close(Mask()(x), x * Mask()(torch.ones_like(x)))


def test_mask_of_rank_3_is_shared_by_channels_and_of_vectors_is_not() -> None:
    kept = Mask()(torch.ones(8, 5, 40)) != 0
    assert torch.equal(kept, kept[:, :1].expand_as(kept))
    assert len(set(Mask()(torch.ones(1, 200)).flatten().tolist())) == 2


def test_mask_keeps_35_percent_and_drop_keeps_90_percent_scaled_up() -> None:
    ones = torch.ones(400, 1, 25, 25)  # 250,000 draws: one standard error is below 0.001
    assert Mask()(ones).mean().item() == pytest.approx(0.35, abs=0.005)
    dropped = Drop()(ones)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=0.005)
    assert dropped.max().item() == pytest.approx(1 / 0.9)


def test_keeping_all_or_dropping_nothing_is_the_identity(x: Tensor) -> None:
    assert torch.equal(Mask(keep=1.0)(x), x)
    assert torch.equal(Drop(p=0.0)(x), x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScaleR(size=0), "size must be 1 or more, got 0"),
        (lambda: LocalS(size=-2), "size must be 1 or more, got -2"),
        (lambda: MultiScale(levels=[]), "levels must hold at least one size, got none"),
        (lambda: MultiScale(levels=[1, 0]), "size must be 1 or more, got 0"),
        (lambda: Mask(keep=0.0), "keep must be above 0 and at most 1, got 0.0"),
        (lambda: Mask(keep=1.5), "keep must be above 0 and at most 1, got 1.5"),
        (lambda: Drop(p=1.0), "p must be at least 0 and below 1, got 1.0"),
        (lambda: Drop(p=math.nan), "p must be at least 0 and below 1, got nan"),
        (lambda: Exp(bound=0.0), r"bound must be above 0 and at most 32, got 0\.0"),
        (lambda: Exp(bound=100.0), r"bound must be above 0 and at most 32, got 100\.0"),
        (lambda: SoftmaxC(tau=0.0), "tau must be finite and above 0, got 0.0"),
        (lambda: SoftmaxN(tau=-1.0), "tau must be finite and above 0, got -1.0"),
        (lambda: SoftmaxHW(tau=math.inf), "tau must be finite and above 0, got inf"),
        (lambda: Natt(tau=math.nan), "tau must be finite and above 0, got nan"),
        (lambda: Satt(tau=0.0), "tau must be finite and above 0, got 0.0"),
        (lambda: Catt(tau=0.0), "tau must be finite and above 0, got 0.0"),
    ],
)
def test_a_bad_argument_is_refused_by_name(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()
