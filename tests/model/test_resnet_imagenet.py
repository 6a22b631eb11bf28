"""The ImageNet ResNets are torchvision's, with taps."""

import pytest
import torch
from torchvision import models

import uniads
from uniads.model import checkpoint
from uniads.model.base import count_params
from uniads.model.resnet_imagenet import ImageNetResNet

PARAMS = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032}


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """The network in evaluation mode, with statistics that a training could have left."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("name", PARAMS)
def test_parameters_are_the_published_number(name):
    with torch.device("meta"):
        assert count_params(uniads.build("model", name, num_classes=1000)) == PARAMS[name]


@pytest.mark.parametrize("name", PARAMS)
def test_weights_of_torchvision_give_its_logits(name):
    torch.manual_seed(0)
    theirs, ours = shaken(models.get_model(name, num_classes=7)), uniads.build("model", name, num_classes=7).eval()
    checkpoint.load(ours, theirs.state_dict(), name)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    image = torch.randn(2, 3, 64, 48)
    with torch.inference_mode():
        torch.testing.assert_close(ours(image).logits, theirs(image), rtol=1e-4, atol=1e-5)


def test_taps_are_the_stem_before_pooling_and_the_stages():
    network = uniads.build("model", "resnet18", num_classes=7).eval()
    with torch.inference_mode():
        knowledge = network(torch.randn(1, 3, 64, 64))
    assert [tuple(tap.shape[1:]) for tap in knowledge.features] == [
        (64, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)
    ]  # fmt: skip
    assert all(tap.min() >= 0 for tap in knowledge.features)
    torch.testing.assert_close(knowledge.embedding, knowledge.features[-1].mean((2, 3)))


@pytest.mark.parametrize("bottlenecks", [False, True])
def test_blocks_and_width_can_be_searched(bottlenecks):
    network = ImageNetResNet([1, 2, 1, 1], [8, 16, 32, 64, 128], bottlenecks, width=0.3, num_classes=5)
    assert [len(getattr(network, name)) for name in network.stages] == [1, 2, 1, 1]
    taps = network(torch.randn(2, 3, 32, 32)).features
    assert [tap.shape[1] for tap in taps] == ([4, 4, 8, 20, 40] if bottlenecks else [2, 5, 10, 19, 38])


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="channels has 4 entries, allowed: 5"):
        ImageNetResNet([2, 2, 2, 2], [64, 128, 256, 512])
