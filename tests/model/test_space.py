"""Every student of the architecture space exists, with the size that its overrides announce."""

from itertools import pairwise, product

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from uniads.model.base import Network, count_params
from uniads.model.resnet import ResNet
from uniads.model.stages import plan_channels
from uniads.model.wrn import WideResNet
from uniads.options import conf_dir

BLOCKS = (1, 3, 5, 7)
WIDTHS = (0.5, 1, 1.5, 2)
CHANNELS = {0.5: (8, 8, 16, 32), 1: (16, 16, 32, 64), 1.5: (24, 24, 48, 96), 2: (32, 32, 64, 128)}
SMALL = settings(max_examples=12, deadline=None, derandomize=True)


def resnet_params(blocks, channels, classes=100):
    """3x3 and 1x1 kernels, two numbers a batch-norm channel, a classifier with bias."""
    total = 27 * channels[0] + 2 * channels[0] + (channels[-1] + 1) * classes
    for stage, (depth, (into, out)) in enumerate(zip(blocks, pairwise(channels), strict=True)):
        total += 9 * into * out + (2 * depth - 1) * 9 * out * out + 4 * depth * out
        total += (into * out + 2 * out) if stage or into != out else 0
    return total


def wrn_params(blocks, channels, classes=100):
    """As above; the two batch norms of a block stand before its convolutions, one more before the classifier."""
    total = 27 * channels[0] + 2 * channels[-1] + (channels[-1] + 1) * classes
    for stage, (depth, (into, out)) in enumerate(zip(blocks, pairwise(channels), strict=True)):
        total += 9 * into * out + (2 * depth - 1) * 9 * out * out
        total += 2 * into + 2 * out + (depth - 1) * 4 * out
        total += into * out if stage or into != out else 0
    return total


def student_of(name: str, **overrides) -> Network:
    """The option with some of its values replaced."""
    return instantiate(OmegaConf.load(conf_dir() / "model" / f"{name}.yaml"), **overrides)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("family", "params", "stages"),
    [
        (ResNet, resnet_params, lambda net: [net.layer1, net.layer2, net.layer3]),
        (WideResNet, wrn_params, lambda net: [net.block1.layer, net.block2.layer, net.block3.layer]),
    ],
    ids=["resnet", "wrn"],
)
def test_all_students_build(family, params, stages, width):
    students = list(product(BLOCKS, repeat=3))
    assert len(students) * len(WIDTHS) == 256
    for blocks in students:
        with torch.device("meta"):
            student = family(blocks, CHANNELS[1], width)
        assert tuple(map(len, stages(student))) == blocks
        assert count_params(student) == params(blocks, CHANNELS[width])


@pytest.mark.parametrize(
    ("blocks", "width", "params"),
    [
        ((3, 3, 3), 0.5, 71_756),
        ((3, 3, 3), 1, 278_324),
        ((3, 3, 3), 1.5, 619_804),
        ((3, 3, 3), 2, 1_096_196),
        ((7, 3, 5), 2, 1_761_284),
    ],
)
def test_known_resnet_students(blocks, width, params):
    assert resnet_params(blocks, CHANNELS[width]) == params
    assert count_params(ResNet(blocks, CHANNELS[1], width)) == params


def test_an_override_list_is_a_student():
    overrides = ["+model@student=resnet20", "student.blocks.0=5", "student.blocks.2=1", "student.width=2"]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        student = instantiate(compose(overrides=overrides).student, num_classes=10)
    assert (len(student.layer1), len(student.layer2), len(student.layer3)) == (5, 3, 1)
    assert student.fc.weight.shape == (10, 128)


@pytest.mark.parametrize("family", [ResNet, WideResNet])
@SMALL
@given(
    sizes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 12)), min_size=1, max_size=5),
    stem=st.integers(1, 12),
    width=st.floats(0.05, 2),
)
def test_any_number_of_stages_and_any_channels(family, sizes, stem, width):
    blocks, channels = zip(*sizes, strict=True)
    student = family(blocks, (stem, *channels), width, num_classes=2).eval()
    with torch.inference_mode():
        knowledge = student(torch.zeros(1, 3, 16, 16))
    resolutions = [16, *(16 // 2**stage for stage in range(len(blocks)))]
    assert [tap.shape[2] for tap in knowledge.features] == resolutions
    assert [tap.shape[1] for tap in knowledge.features] == [max(1, int(width * c + 0.5)) for c in (stem, *channels)]


@pytest.mark.parametrize(
    ("name", "stages"),
    [("vgg8", 5), ("mobilenetv2", 7), ("shufflenetv1", 3), ("shufflenetv2", 3), ("resnet50_cifar", 4)],
)
def test_width_scales_every_tap_and_the_embedding(name, stages):
    def channels(width: float) -> list[int]:
        network = student_of(name, blocks=[1] * stages, width=width, num_classes=2).eval()
        with torch.inference_mode():
            knowledge = network(torch.zeros(1, 3, 8, 8))
        return [tensor.shape[1] for tensor in (*knowledge.features, knowledge.embedding)]

    plain = channels(1.0)
    assert channels(0.5) == [0.5 * count for count in plain]
    assert channels(1.5) == [1.5 * count for count in plain]


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("vgg8", [3, 1, 2, 1, 1]),
        ("mobilenetv2", [1, 1, 5, 1, 3, 1, 2]),
        ("shufflenetv1", [1, 3, 7]),
        ("shufflenetv2", [1, 7, 3]),
        ("resnet50_cifar", [1, 3, 1, 1]),
    ],
)
def test_blocks_of_the_other_families_can_be_searched(name, blocks):
    student = student_of(name, blocks=blocks, width=0.25, num_classes=10).eval()
    stages = student.blocks if name == "mobilenetv2" else [getattr(student, stage) for stage in student.stages]
    per_block = 3 if name == "vgg8" else 1
    assert [len(stage) for stage in stages] == [per_block * depth for depth in blocks]
    with torch.inference_mode():
        assert student(torch.zeros(1, 3, 16, 16)).logits.shape == (1, 10)


@given(
    channels=st.lists(st.integers(1, 600), min_size=2, max_size=6),
    width=st.floats(0.01, 4),
    multiple=st.sampled_from([1, 2, 4, 12]),
)
def test_rounding_is_to_the_nearest_positive_multiple(channels, width, multiple):
    blocks = [1] * (len(channels) - 1)
    planned = plan_channels(
        blocks=blocks, channels=channels, width=width, num_classes=1, in_channels=1, multiple=multiple
    )
    for count, wanted in zip(planned, channels, strict=True):
        assert count >= multiple
        assert count % multiple == 0
        assert count == multiple or abs(count - width * wanted) <= multiple / 2 + 1e-9
