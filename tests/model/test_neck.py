"""The map whose mean is the embedding, the maps alone, and a network without its head."""

import copy

import pytest
import torch
from torch import Tensor, nn

from uniads import build, options
from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.model.base import Network, count_params
from uniads.model.flops import forward_flops
from uniads.model.neck import neck_of

ZOO = tuple(name for name in options("model") if name not in ("torchvision", "timm"))
SMALL = ("resnet8", "resnet18", "wrn_16_1", "vgg8", "mobilenetv2", "shufflenetv1", "shufflenetv2", "resnet50_cifar")
every = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in ZOO]
)


def network(option: str, /, **more: object) -> Network:
    torch.manual_seed(0)
    built: Network = build("model", option, num_classes=5, in_channels=3, **more)
    return built.eval()


def images(n: int = 2) -> Tensor:
    return torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@every
def test_the_mean_of_the_necks_map_is_the_embedding(name: str) -> None:
    whole = network(name)
    with torch.no_grad():
        known = whole(images())
        neck = neck_of(whole, torch.zeros(2, 3, 32, 32), "teacher")
        torch.testing.assert_close(neck(known.features[-1]).mean((2, 3)), known.embedding, rtol=1e-5, atol=1e-6)
    assert {id(each) for each in neck.parameters()} < {id(each) for each in whole.parameters()}


@every
def test_the_maps_alone_are_those_of_the_whole(name: str) -> None:
    whole = network(name)
    with torch.no_grad():
        pairs = zip(whole(images()).features, whole.maps(images()), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


@every
def test_a_network_without_its_head_keeps_all_that_its_maps_need_and_nothing_else(name: str) -> None:
    whole = network(name)
    kept = copy.deepcopy(whole)
    kept.drop_head()
    assert count_params(kept) < count_params(whole)
    with torch.no_grad():
        assert all(
            torch.equal(one, other) for one, other in zip(kept.maps(images()), whole.maps(images()), strict=True)
        )
    kept.train().maps(images())[-1].square().sum().backward()
    assert all(parameter.grad is not None for parameter in kept.parameters())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_a_network_of_another_library_is_run_to_its_last_map_only(name: str) -> None:
    whole = network("torchvision", name=name)
    kept = copy.deepcopy(whole)
    kept.drop_head()
    assert kept.state_dict().keys() == whole.state_dict().keys()
    for twin in (kept, copy.deepcopy(kept)):
        with torch.no_grad():
            pairs = zip(twin.maps(images()), whole.maps(images()), strict=True)
            assert all(torch.equal(one, other) for one, other in pairs)
    kept.train().maps(images())[-1].square().sum().backward()
    trained = {key for key, parameter in kept.named_parameters() if parameter.requires_grad}
    assert trained == {key for key, parameter in kept.named_parameters() if parameter.grad is not None}
    assert "network.classifier.0.weight" not in trained
    assert "network.fc.weight" not in trained
    assert sum(p.numel() for p in whole.parameters()) > count_params(kept)


@pytest.mark.parametrize(("name", "fits"), [("resnet18", True), ("mobilenet_v3_small", False)])
def test_what_is_no_mean_of_a_map_is_refused(name: str, fits: bool) -> None:
    borrowed = network("torchvision", name=name)
    if fits:
        assert isinstance(neck_of(borrowed, images(), "teacher"), nn.Identity)
        return
    with pytest.raises(UserError, match=r"the embedding of the teacher, .*, is not the mean of its last feature map"):
        neck_of(borrowed, images(), "teacher")


class Peaks(Network):
    """A network whose embedding is the largest value of a map, which a blank image can't tell from its mean."""

    def forward(self, image: Tensor) -> Knowledge:
        peaks = image.amax((2, 3))
        return Knowledge((image,), peaks, peaks)


def test_blank_images_are_not_believed() -> None:
    with pytest.raises(UserError, match="the embedding of the teacher, Peaks, is not the mean"):
        neck_of(Peaks(), torch.zeros(2, 3, 8, 8), "teacher")


def test_trying_a_network_changes_nothing_of_it() -> None:
    whole = network("wrn_16_1").train()
    whole.bn1.eval()
    before, state = copy.deepcopy(whole.state_dict()), torch.get_rng_state()
    neck_of(whole, images(), "teacher")
    assert whole.training
    assert not whole.bn1.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in whole.state_dict().items())


def test_a_head_that_nobody_needs_costs_no_operations() -> None:
    whole = network("mobilenetv2")
    alone = copy.deepcopy(whole)
    alone.drop_head()
    alone.forward = alone.maps
    head = 2 * 160 * 1280 * 2 * 2 + 2 * 1280 * 5
    assert forward_flops(whole, images(1)) - forward_flops(alone, images(1)) == head
