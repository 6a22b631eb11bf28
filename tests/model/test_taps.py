"""Any module, seen through named taps."""

import copy
import pickle
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from tests.model.nets import Branching, Plain, Several
from uniads.knowledge import Knowledge
from uniads.model import checkpoint
from uniads.model.base import count_params
from uniads.model.graph import grid, last_of, map_side
from uniads.model.taps import Tapped


def images(n: int = 3, channels: int = 1, size: int = 32) -> torch.Tensor:
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(1))


def tapped(network: nn.Module | None = None, **arguments) -> Tapped:
    torch.manual_seed(0)
    facts = {"num_classes": 4, "in_channels": 1, "image_size": 32}
    return Tapped(network or Plain(), **{**facts, **arguments}).eval()


def shapes(knowledge: Knowledge) -> list[tuple[int, ...]]:
    return [tuple(tap.shape[1:]) for tap in knowledge.features]


def branching(**arguments) -> Tapped:
    return tapped(Branching(), **{"features": ["stem"], "embedding": "pool", **arguments})


def test_taps_are_chosen_from_the_graph():
    network = tapped()
    knowledge = network(images())
    assert shapes(knowledge) == [(6, 32, 32), (6, 16, 16), (12, 8, 8)]
    assert network.features == ["relu", "body", "relu_1"]
    assert knowledge.embedding.shape == (3, 768)


def test_named_taps_give_what_the_modules_give():
    plain = Plain().eval()
    knowledge = tapped(copy.deepcopy(plain), features=["stem", "body", "body.1"], embedding="tail", logits="head")(
        images()
    )
    stem = plain.stem(images())
    normed = plain.body[:2](stem.relu())
    tail = plain.tail(normed.relu())
    wanted = (stem, normed.relu(), normed, tail.mean((2, 3)), plain(images()))
    for got, value in zip((*knowledge.features, knowledge.embedding, knowledge.logits), wanted, strict=True):
        torch.testing.assert_close(got, value)
    assert stem.min() < 0
    assert normed.min() < 0


def test_one_operation_can_be_tapped_twice():
    knowledge = tapped(features=["body", "body.2", "tail"], embedding="tail")(images())
    assert torch.equal(knowledge.features[0], knowledge.features[1])
    assert torch.equal(knowledge.features[2].mean((2, 3)), knowledge.embedding)


def test_logits_are_the_networks_own_in_both_modes():
    plain = Plain()
    network = tapped(copy.deepcopy(plain))
    for training in (True, False):
        torch.manual_seed(5)
        wanted = plain.train(training)(images())
        torch.manual_seed(5)
        assert torch.equal(network.train(training)(images()).logits, wanted)
    assert torch.equal(network.network.body[1].running_mean, plain.body[1].running_mean)


def test_choosing_taps_changes_neither_statistics_nor_generator():
    plain = Plain()
    before = copy.deepcopy(plain.state_dict())
    torch.manual_seed(3)
    drawn = torch.get_rng_state()
    Tapped(plain, num_classes=4, in_channels=1, image_size=32)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(value, before[key]) for key, value in plain.state_dict().items())
    assert plain.training


@pytest.mark.parametrize("make", [tapped, branching])
def test_keys_are_the_networks_own(make, tmp_path: Path):
    network = make()
    own = Branching() if make is branching else Plain()
    assert set(network.state_dict()) == set(own.state_dict())
    assert count_params(network) == count_params(own)
    checkpoint.load(network, own.state_dict(), "a file of theirs")
    checkpoint.save(network, tmp_path / "mine.pt")
    checkpoint.load(own, checkpoint.read(tmp_path / "mine.pt")["model"], "a file of ours")
    assert torch.equal(network(images()).logits, own.eval()(images()))
    outer = nn.ModuleDict({"student": network})
    assert set(outer.state_dict()) == {f"student.{key}" for key in own.state_dict()}
    outer.load_state_dict(outer.state_dict())


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match=r"another network than Tapped as configured \(of another shape: stem\.weight"):
        checkpoint.load(tapped(), Plain(wide=8).state_dict(), "file")


@pytest.mark.parametrize("make", [tapped, branching])
@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_knows_the_same_and_shares_nothing(make, twin_of):
    network = make()
    twin = twin_of(network)
    assert torch.equal(network(images()).logits, twin(images()).logits)
    twin.train()(images()).logits.sum().backward()
    assert twin.network.head.weight.grad is not None
    assert network.network.head.weight.grad is None


def test_gradient_of_every_output_can_be_taken():
    image = images().requires_grad_()
    knowledge = tapped(features=["stem", "body", "tail"])(image)
    for tensor in (*knowledge.features, knowledge.embedding, knowledge.logits):
        (gradient,) = torch.autograd.grad(tensor.square().mean(), image, retain_graph=True)
        assert gradient.any()


MINE = """
_target_: uniads.model.taps.Tapped
network:
  _target_: tests.model.nets.Plain
  _partial_: true
  wide: 8
features: [stem, body, tail]
embedding: drop
"""


def test_a_users_network_is_one_file():
    network = instantiate(OmegaConf.create(MINE), num_classes=5, in_channels=2)
    knowledge = network.eval()(images(channels=2))
    assert shapes(knowledge) == [(8, 32, 32), (8, 16, 16), (16, 8, 8)]
    assert knowledge.logits.shape == (3, 5)


def test_a_network_that_no_graph_can_show_is_tapped_at_modules():
    own = Branching().eval()
    network = tapped(own, features=["stem"], embedding="pool")
    assert not network._passes
    knowledge = network(images())
    assert torch.equal(knowledge.logits, own(images()))
    assert shapes(knowledge) == [(6, 32, 32)]
    assert knowledge.embedding.shape == (3, 6)
    assert not any(module._forward_hooks for module in own.modules())


class Tokens(nn.Module):
    """Gives tokens in rows: the value of a token is its place."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens, self.norm, self.head = tokens, nn.Identity(), nn.Linear(5, 4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        places = torch.arange(self.tokens, dtype=image.dtype)[None, :, None]
        x = self.norm(places + 0 * image.mean((1, 2, 3))[:, None, None].expand(-1, self.tokens, 5))
        return self.head(x.mean(1))


@pytest.mark.parametrize(("tokens", "first"), [(9, 0), (10, 1)])
def test_tokens_become_a_map_row_by_row_without_the_class_token(tokens, first):
    (feature,) = tapped(Tokens(tokens), features=["norm"])(images()).features
    assert feature.shape == (3, 5, 3, 3)
    assert torch.equal(feature[1, 2], torch.arange(first, first + 9.0).view(3, 3))


def test_maps_with_channels_last_are_turned():
    class Last(Plain):
        def forward(self, image):
            x = self.body(self.stem(image)).permute(0, 2, 3, 1)
            return self.head(x.mean((1, 2)))

    last = Last()
    last.head = nn.Linear(6, 4)
    knowledge = tapped(last, features=["permute"], embedding="permute", nhwc=True)(images())
    assert shapes(knowledge) == [(6, 16, 16)]
    torch.testing.assert_close(knowledge.embedding, knowledge.features[0].mean((2, 3)))


class Ramp(nn.Module):
    """Adds a tensor that it makes where one of its buffers is, which the graph keeps as a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 6, 3, padding=1), nn.Linear(6, 4)
        self.register_buffer("scale", torch.tensor(0.5))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(0, 1, 32, dtype=self.scale.dtype, device=self.scale.device)
        return self.head(self.stem(image + self.scale * ramp).mean((2, 3)))


def test_constants_of_the_graph_move_with_the_network_and_are_never_saved():
    own, network = Ramp().eval(), tapped(Ramp())
    network.load_state_dict(own.state_dict())
    assert torch.equal(network(images()).logits, own(images()))
    constants = [name for name, _ in network.network.named_buffers() if name != "scale"]
    assert constants
    assert set(network.state_dict()) == set(own.state_dict())
    logits = network.double()(images().double()).logits
    torch.testing.assert_close(logits, own.double()(images().double()), rtol=1e-6, atol=1e-6)
    twin = copy.deepcopy(network)
    assert [name for name, _ in twin.network.named_buffers() if name != "scale"] == constants
    assert twin.to("meta")(images().double().to("meta")).logits.device.type == "meta"
    assert network(images().double()).logits.device.type == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_constants_of_the_graph_move_to_a_gpu_and_back():
    network = tapped(Ramp())
    there = network.cuda()(images().cuda()).logits.cpu()
    torch.testing.assert_close(there, network.cpu()(images()).logits, rtol=1e-3, atol=1e-4)


REFUSED = {
    "an unknown tap": (
        lambda: tapped(features=["boddy"]), r"Plain has no module or operation 'boddy'\. Did you mean body"),
    "an unknown module": (
        lambda: branching(features=["steam"]), r"Branching has no module .*'steam'\. Did you mean stem"),
    "no names for what has no graph": (lambda: tapped(Branching()), r"can't follow Branching \(.*name modules of it"),
    "several outputs": (lambda: tapped(Several()), "Several returns several values; name its class scores: logits="),
    "images of another size": (lambda: tapped(image_size=64), "Plain can't be tried on images of 1x64x64 .*image_size"),
    "smaller images later": (lambda: tapped()(images(size=16)), r"refuses images of 1x16x16 \(.*shapes"),
    "more channels": (lambda: tapped()(images(channels=3)), r"refuses images of 3x32x32 \(.*channels"),
    "no map": (lambda: tapped(nn.Sequential(nn.Flatten(), nn.Linear(1024, 4))), "no square maps .*; name its features"),
    "no layer": (lambda: tapped(nn.Flatten(), features=[]), "has no layer before its logits; name its embedding"),
    "a vector as a map": (lambda: tapped(features=["flatten"])(images()), r"'flatten' is of shape \(3, 768\), allowed"),
    "tokens as a vector": (
        lambda: tapped(Tokens(7), features=[], embedding="norm")(images()), r"norm is of shape \(3, 7, 5\), allowed"
    ),
    "tokens of no square": (
        lambda: tapped(Tokens(7), features=["norm"])(images()), r"'norm' is of shape \(3, 7, 5\), .*square L or L - 1"
    ),
    "other classes": (lambda: tapped(num_classes=9)(images()), r"logits are of shape \(3, 4\), allowed: \(N, 9\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_tapped_is_refused_in_a_sentence(case):
    act, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        act()
    assert "\n" not in str(caught.value)


def test_several_outputs_can_be_told_apart():
    knowledge = tapped(Several(), features=["stem"], logits="head")(images())
    assert knowledge.logits.shape == (3, 4)
    assert knowledge.embedding.shape == (3, 6)


@pytest.mark.parametrize(
    ("tokens", "side"), [(0, None), (1, 1), (2, 1), (3, None), (4, 2), (5, 2), (6, None), (196, 14), (197, 14)]
)
def test_tokens_form_a_square_with_or_without_a_class_token(tokens, side):
    assert grid(tokens) == side


@pytest.mark.parametrize(
    ("shape", "nhwc", "side"),
    [
        ((2, 8, 7, 7), False, 7), ((2, 8, 7, 6), False, 0), ((2, 8, 1, 1), False, 0), ((2, 7, 7, 8), True, 7),
        ((2, 7, 7, 8), False, 0), ((2, 10, 16), False, 3), ((2, 10, 9), False, 0), ((2, 16), False, 0),
    ],
)  # fmt: skip
def test_maps_are_square_and_tokens_as_wide_as_a_norm(shape, nhwc, side):
    assert map_side(shape, nhwc, {16}) == side


@pytest.mark.parametrize(
    ("names", "sides", "chosen"),
    [
        (["conv", "relu", "pool", "fc"], [8, 8, 4, 0], [1, 2]),
        (["net.1.conv", "net.2.wide", "net.2.down", "fc"], [8, 8, 4, 0], [0, 2]),
        (["stem", "net.0.a", "net.1.norm", "net.1.down", "net.2.norm", "net.2.down"], [8, 8, 8, 4, 4, 2], [1, 3, 5]),
        (["a", "mean", "b"], [8, 0, 8], [2]),
    ],
    ids=["chain", "wide inside of the next block", "norm before the next stage", "not a map in between"],
)
def test_a_resolution_ends_where_the_part_that_leaves_it_begins(names, sides, chosen):
    assert [last_of(side, names, sides) for side in dict.fromkeys(filter(None, sides))] == chosen
