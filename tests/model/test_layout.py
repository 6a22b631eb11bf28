"""The memory layout that a network is trained in."""

import pytest
import torch

import uniads
from uniads.model.base import lay_out


@pytest.mark.parametrize(("name", "width"), [("wrn_16_2", 1.0), ("resnet20", 1.0), ("resnet8x4", 0.5)])
def test_wide_enough_networks_are_channels_last(name: str, width: float) -> None:
    network = uniads.build("model", name, width=width)
    assert lay_out(network) is torch.channels_last
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in network.parameters() if p.ndim == 4)


@pytest.mark.parametrize(("name", "width"), [("resnet20", 0.5), ("wrn_16_1", 0.5)])
def test_networks_that_onednn_can_not_train_channels_last_stay_contiguous(name: str, width: float) -> None:
    network = uniads.build("model", name, width=width)
    assert lay_out(network) is torch.contiguous_format
    assert all(parameter.is_contiguous() for parameter in network.parameters())


@pytest.mark.parametrize("name", ["resnet8x4", "wrn_16_2"])
def test_the_layout_changes_the_logits_by_rounding_only(name: str) -> None:
    network = uniads.build("model", name, num_classes=10).eval()
    image = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain = network(image).logits
    layout = lay_out(network)
    torch.testing.assert_close(network(image.contiguous(memory_format=layout)).logits, plain, rtol=1e-4, atol=1e-5)
