"""Sizes that make no network are refused with their name, their value, what is allowed and what to do."""

import pytest

from uniads.model.mobilenetv2 import MobileNetV2
from uniads.model.resnet import ResNet
from uniads.model.resnet_bottleneck import BottleneckResNet
from uniads.model.shufflenetv1 import ShuffleNetV1
from uniads.model.shufflenetv2 import ShuffleNetV2
from uniads.model.vgg import VGG
from uniads.model.wrn import WideResNet

FAMILIES = {
    ResNet: {"blocks": [1, 1], "channels": [4, 4, 8]},
    WideResNet: {"blocks": [1, 1], "channels": [4, 4, 8]},
    BottleneckResNet: {"blocks": [1, 1], "channels": [4, 8, 16]},
    VGG: {"blocks": [1, 1], "channels": [4, 8]},
    MobileNetV2: {"blocks": [1, 1], "channels": [4, 4, 8, 8], "strides": [1, 2]},
    ShuffleNetV1: {"blocks": [1, 1], "channels": [12, 24, 48]},
    ShuffleNetV2: {"blocks": [1, 1], "channels": [4, 8, 16, 16]},
}
WRONG = {
    "no stage": ({"blocks": []}, r"blocks is empty, allowed: at least one stage; give the number"),
    "an empty stage": ({"blocks": [1, 0]}, r"blocks is \[1, 0\], allowed: whole numbers of at least 1; raise"),
    "a negative stage": ({"blocks": [-3, 1]}, r"blocks is \[-3, 1\], allowed"),
    "too few channels": ({"channels": [4]}, r"channels has 1 entries, allowed: [234], one for each of the 2 stages"),
    "one stage too many": ({"blocks": [1, 1, 1]}, r"channels has \d entries, allowed: \d, .*give channels and blocks"),
    "no channels": ({"channels": []}, r"channels has 0 entries"),
    "no width": ({"width": 0.0}, r"width is 0\.0, allowed: a positive number; use 1\.0"),
    "negative width": ({"width": -1.0}, r"width is -1\.0, allowed"),
    "endless width": ({"width": float("inf")}, r"width is inf, allowed"),
    "width of no number": ({"width": float("nan")}, r"width is nan, allowed"),
    "no class": ({"num_classes": 0}, r"num_classes is 0, allowed: at least 1; take it from the data set"),
    "no image channel": ({"in_channels": 0}, r"in_channels is 0, allowed: at least 1; take it from the data set"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_right_sizes_build(family):
    family(**FAMILIES[family])


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("family", FAMILIES)
def test_wrong_sizes_are_refused(family, wrong):
    arguments, message = WRONG[wrong]
    with pytest.raises(ValueError, match=message):
        family(**{**FAMILIES[family], **arguments})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stage_of_no_channels_is_refused(family):
    channels = [*FAMILIES[family]["channels"][:-1], 0]
    with pytest.raises(ValueError, match=r"channels is \[.*, 0\], allowed: whole numbers of at least 1"):
        family(**{**FAMILIES[family], "channels": channels})


def test_message_names_what_has_channels_beside_the_stages():
    with pytest.raises(ValueError, match="2 stages in blocks and the stem; give"):
        ResNet([1, 1], [4, 4])
    with pytest.raises(ValueError, match="2 stages in blocks and the stem and the head; give"):
        ShuffleNetV2([1, 1], [4, 4])
    with pytest.raises(ValueError, match="2 stages in blocks; give"):
        VGG([1, 1], [4])


@pytest.mark.parametrize("strides", [[1], [1, 2, 2], [1, 3], [0, 1]])
def test_mobilenet_wants_a_stride_of_1_or_2_for_each_stage(strides):
    with pytest.raises(ValueError, match=r"strides is \[.*\], allowed: a 1 or a 2 for each of the 2 stages; give"):
        MobileNetV2([1, 1], [4, 4, 8, 8], strides=strides)


def test_mobilenet_wants_a_positive_expansion():
    with pytest.raises(ValueError, match="expansion is 0, allowed: at least 1; 6 is the paper's"):
        MobileNetV2([1], [4, 4, 8], strides=[1], expansion=0)


def test_shufflenetv1_wants_positive_groups():
    with pytest.raises(ValueError, match="groups is 0, allowed: at least 1; 3 is the benchmark's"):
        ShuffleNetV1([1], [12, 24], groups=0)


@pytest.mark.parametrize(("channels", "width"), [([24, 24], 1.0), ([24, 12], 1.0), ([24, 48], 0.1)])
def test_shufflenetv1_wants_growing_channels(channels, width):
    with pytest.raises(ValueError, match=r"channels are \[.*\] after rounding to multiples of 12, allowed: growing"):
        ShuffleNetV1([1], channels, width=width)
