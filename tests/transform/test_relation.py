"""Views of how samples stand to each other, derived again with loops."""

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from uniads.transform import angle
from uniads.transform.angle import Angle
from uniads.transform.mean_c import MeanC
from uniads.transform.pair_distance import PairDistance


@pytest.fixture
def x() -> Tensor:
    return torch.randn((6, 3, 2, 2), generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def test_the_mean_over_channels_is_one_map(x: Tensor) -> None:
    view = MeanC()(x)
    assert view.shape == (6, 1, 2, 2)
    assert view[1, 0, 1, 0].item() == pytest.approx(sum(x[1, c, 1, 0].item() for c in range(3)) / 3, abs=1e-12)


def test_distances_of_pairs_are_in_units_of_their_mean(x: Tensor) -> None:
    rows = x.flatten(1).tolist()
    far = {(m, n): math.dist(rows[m], rows[n]) for m, n in product(range(6), repeat=2)}
    mean = sum(far.values()) / 30
    view = PairDistance()(x)
    for (m, n), value in far.items():
        assert view[m, n].item() == pytest.approx(value / mean, abs=1e-9)


def test_angles_are_those_of_triangles() -> None:
    corner, right, up = [0.0, 0.0], [3.0, 0.0], [0.0, 2.0]
    view = Angle()(torch.tensor([corner, right, up], dtype=torch.float64))
    assert view[0, 1, 2].item() == pytest.approx(0, abs=1e-12)
    assert view[1, 0, 2].item() == pytest.approx(3 / math.sqrt(13), abs=1e-12)
    assert view[2, 0, 1].item() == pytest.approx(2 / math.sqrt(13), abs=1e-12)
    assert view[0, 1, 1].item() == pytest.approx(1, abs=1e-12)
    assert not view[0, 0].any()


@pytest.mark.parametrize("transform", [PairDistance(), Angle()])
def test_relations_do_not_see_scale_shift_and_rotation(x: Tensor, transform: torch.nn.Module) -> None:
    rotation, _ = torch.linalg.qr(torch.randn(12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(transform(3 * x.flatten(1) @ rotation + 5), transform(x), rtol=1e-9, atol=1e-9)


def test_angles_in_parts_are_those_of_the_whole(x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for chunk in (angle.CHUNK, 2 * x.numel()):
        monkeypatch.setattr(angle, "CHUNK", chunk)
        leaf = x.clone().requires_grad_()
        view = Angle()(leaf)
        view.pow(3).sum().backward()
        results.append((view.detach(), leaf.grad))
    for whole, parts in zip(*results, strict=True):
        torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-12)


def test_samples_that_are_one_have_no_direction_and_no_gradient() -> None:
    x = torch.ones(3, 4, dtype=torch.float64, requires_grad=True)
    view = Angle()(x)
    view.sum().backward()
    assert not view.any()
    assert x.grad is not None
    assert not x.grad.any()
