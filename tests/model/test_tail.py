"""A network's tail: from the map before the last stage to the logits, with the network's own modules."""

import pytest
import torch

from uniads import build, options
from uniads.model.resnet_imagenet import ImageNetResNet
from uniads.model.vgg import VGG

ZOO = tuple(name for name in options("model") if name not in ("torchvision", "timm"))
SMALL = ("resnet8", "resnet18", "wrn_16_1", "vgg8", "mobilenetv2", "shufflenetv1", "shufflenetv2", "resnet50_cifar")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in ZOO])
def test_the_tail_of_the_map_before_the_last_stage_gives_the_logits(name: str) -> None:
    torch.manual_seed(0)
    network = build("model", name, num_classes=5, in_channels=3).eval()
    known = network(torch.randn(2, 3, 32, 32))
    torch.testing.assert_close(network.tail()(known.features[-2]), known.logits, rtol=1e-4, atol=1e-5)
    whole = {id(parameter) for parameter in network.parameters()}
    held = {id(parameter) for parameter in network.tail().parameters()}
    assert held < whole


def test_as_many_networks_are_tested_as_there_are() -> None:
    assert len(ZOO) >= 22


@pytest.mark.parametrize("network", [ImageNetResNet([1], [8, 16]), VGG([1], [8])], ids=["resnet18", "vgg8"])
def test_a_network_whose_taps_do_not_show_what_its_only_stage_is_given_says_so(network: VGG | ImageNetResNet) -> None:
    with pytest.raises(ValueError, match="can't be split before its last stage"):
        network.tail()
