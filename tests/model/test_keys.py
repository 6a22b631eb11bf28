"""State dicts have the keys of the published checkpoints, so that those load strictly."""

import pytest

BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
LINEAR = ("weight", "bias")


def batch_norm(*names: str) -> set[str]:
    return {f"{name}.{leaf}" for name in names for leaf in BATCH_NORM}


def linear(name: str) -> set[str]:
    return {f"{name}.{leaf}" for leaf in LINEAR}


def convolutions(*names: str) -> set[str]:
    return {f"{name}.weight" for name in names}


def resnet(depth: int, projected: tuple[int, ...] = (2, 3)) -> set[str]:
    keys = convolutions("conv1") | batch_norm("bn1") | linear("fc")
    for block in (f"layer{stage}.{i}" for stage in (1, 2, 3) for i in range((depth - 2) // 6)):
        keys |= convolutions(f"{block}.conv1", f"{block}.conv2") | batch_norm(f"{block}.bn1", f"{block}.bn2")
    for stage in projected:
        keys |= convolutions(f"layer{stage}.0.downsample.0") | batch_norm(f"layer{stage}.0.downsample.1")
    return keys


def wrn(depth: int, projected: tuple[int, ...]) -> set[str]:
    keys = convolutions("conv1") | batch_norm("bn1") | linear("fc")
    for block in (f"block{stage}.layer.{i}" for stage in (1, 2, 3) for i in range((depth - 4) // 6)):
        keys |= convolutions(f"{block}.conv1", f"{block}.conv2") | batch_norm(f"{block}.bn1", f"{block}.bn2")
    return keys | convolutions(*(f"block{stage}.layer.0.convShortcut" for stage in projected))


def vgg(*depths: int) -> set[str]:
    keys = linear("classifier")
    for block, depth in enumerate(depths):
        for i in range(depth):
            keys |= linear(f"block{block}.{3 * i}") | batch_norm(f"block{block}.{3 * i + 1}")
    return keys


def mobilenetv2() -> set[str]:
    keys = convolutions("conv1.0", "conv2.0") | batch_norm("conv1.1", "conv2.1") | linear("classifier.0")
    for stage, depth in enumerate((1, 2, 3, 4, 3, 3, 1)):
        for conv in (f"blocks.{stage}.{i}.conv" for i in range(depth)):
            keys |= convolutions(f"{conv}.0", f"{conv}.3", f"{conv}.6")
            keys |= batch_norm(f"{conv}.1", f"{conv}.4", f"{conv}.7")
    return keys


def stem_and_units(units: dict[str, int]) -> set[str]:
    """Keys of conv1, bn1 and linear, and of as many pairs conv, bn in each unit."""
    keys = convolutions("conv1") | batch_norm("bn1") | linear("linear")
    for unit, pairs in units.items():
        for i in range(1, pairs + 1):
            keys |= convolutions(f"{unit}.conv{i}") | batch_norm(f"{unit}.bn{i}")
    return keys


def layers(*depths: int) -> list[str]:
    return [f"layer{stage}.{i}" for stage, depth in enumerate(depths, 1) for i in range(depth)]


def resnet50() -> set[str]:
    keys = stem_and_units(dict.fromkeys(layers(3, 4, 6, 3), 3))
    for stage in (1, 2, 3, 4):
        keys |= convolutions(f"layer{stage}.0.shortcut.0") | batch_norm(f"layer{stage}.0.shortcut.1")
    return keys


KEYS = {
    **{f"resnet{depth}": resnet(depth) for depth in (8, 14, 20, 32, 44, 56, 110)},
    "resnet8x4": resnet(8, projected=(1, 2, 3)),
    "resnet32x4": resnet(32, projected=(1, 2, 3)),
    "wrn_16_1": wrn(16, projected=(2, 3)),
    "wrn_16_2": wrn(16, projected=(1, 2, 3)),
    "wrn_40_1": wrn(40, projected=(2, 3)),
    "wrn_40_2": wrn(40, projected=(1, 2, 3)),
    "vgg8": vgg(1, 1, 1, 1, 1),
    "vgg11": vgg(1, 1, 2, 2, 2),
    "vgg13": vgg(2, 2, 2, 2, 2),
    "vgg16": vgg(2, 2, 3, 3, 3),
    "vgg19": vgg(2, 2, 4, 4, 4),
    "mobilenetv2": mobilenetv2(),
    "shufflenetv1": stem_and_units(dict.fromkeys(layers(4, 8, 4), 3)),
    "shufflenetv2": stem_and_units({unit: 5 if unit.endswith(".0") else 3 for unit in layers(4, 8, 4)})
    | convolutions("conv2")
    | batch_norm("bn2"),
    "resnet50_cifar": resnet50(),
}

SHAPES = {  # one line for each decision that the keys leave open
    "resnet8x4": {"conv1.weight": (32, 3, 3, 3), "layer1.0.downsample.0.weight": (64, 32, 1, 1)},
    "wrn_16_2": {"block1.layer.0.convShortcut.weight": (32, 16, 1, 1), "block1.layer.0.bn1.weight": (16,)},
    "vgg8": {"block4.0.weight": (512, 512, 3, 3), "classifier.weight": (100, 512)},
    "mobilenetv2": {
        "blocks.0.0.conv.0.weight": (16, 16, 1, 1),
        "blocks.1.0.conv.3.weight": (48, 1, 3, 3),
        "conv2.0.weight": (1280, 160, 1, 1),
    },
    "shufflenetv1": {
        "conv1.weight": (24, 3, 1, 1),
        "layer1.0.conv1.weight": (54, 24, 1, 1),
        "layer1.0.conv3.weight": (216, 18, 1, 1),
        "layer2.0.conv1.weight": (60, 80, 1, 1),
        "layer2.1.conv1.weight": (120, 160, 1, 1),
    },
    "shufflenetv2": {"layer1.0.conv1.weight": (24, 1, 3, 3), "layer1.1.conv1.weight": (58, 58, 1, 1)},
    "resnet50_cifar": {"layer1.0.conv1.weight": (64, 64, 1, 1), "layer2.0.conv2.weight": (128, 128, 3, 3)},
}


@pytest.mark.parametrize("published", KEYS, indirect=True)
def test_keys_and_shapes_are_the_published_ones(published):
    name, network = published
    state = network.state_dict()
    assert set(state) == KEYS[name]
    for key, shape in SHAPES.get(name, {}).items():
        assert state[key].shape == shape


def test_resnet8_written_out():
    assert len(KEYS["resnet8"]) == 56
    assert {key for key in KEYS["resnet8"] if key.startswith("layer2.") and not key.endswith(BATCH_NORM[2:])} == {
        "layer2.0.conv1.weight",
        "layer2.0.bn1.weight",
        "layer2.0.bn1.bias",
        "layer2.0.conv2.weight",
        "layer2.0.bn2.weight",
        "layer2.0.bn2.bias",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.weight",
        "layer2.0.downsample.1.bias",
    }


def test_number_of_keys_in_all():
    assert {name: len(keys) for name, keys in KEYS.items() if name in SHAPES} == {
        "resnet8x4": 62,
        "wrn_16_2": 83,
        "vgg8": 37,
        "mobilenetv2": 320,
        "shufflenetv1": 296,
        "shufflenetv2": 338,
        "resnet50_cifar": 320,
    }
