"""Each family against its definition, written again as plain functions of a published state dict.

The definitions know the keys and the tensors only: no module, no in-place operation, the pooling of a 32x32 image.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import uniads
from uniads.knowledge import Knowledge


class State:
    """A state dict whose layers can be applied by name."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors

    def has(self, name: str) -> bool:
        return f"{name}.weight" in self.tensors

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias")
        return F.conv2d(x, weight, bias, stride, weight.shape[2] // 2, groups=x.shape[1] // weight.shape[1])

    def bn(self, name: str, x: Tensor) -> Tensor:
        scale = self.tensors[f"{name}.weight"] / (self.tensors[f"{name}.running_var"] + 1e-5).sqrt()
        shift = self.tensors[f"{name}.bias"] - self.tensors[f"{name}.running_mean"] * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def conv_bn(self, unit: str, number: int, x: Tensor, stride: int = 1) -> Tensor:
        return self.bn(f"{unit}bn{number}", self.conv(f"{unit}conv{number}", x, stride))

    def depth(self, stage: str) -> int:
        parts = {key[len(stage) + 1 :].split(".")[0] for key in self.tensors if key.startswith(f"{stage}.")}
        return len(parts)

    def answer(self, taps: list[Tensor], embedding: Tensor, classifier: str) -> Knowledge:
        weight, bias = self.tensors[f"{classifier}.weight"], self.tensors[f"{classifier}.bias"]
        return Knowledge(tuple(taps), embedding, embedding @ weight.T + bias)


def shuffle(x: Tensor, groups: int) -> Tensor:
    order = torch.arange(x.shape[1]).reshape(groups, -1).T.flatten()
    return x[:, order]


def resnet(state: State, image: Tensor) -> Knowledge:
    bottleneck = state.has("linear")
    project = "shortcut" if bottleneck else "downsample"
    taps = [F.relu(state.conv_bn("", 1, image))]
    for stage in range(1, 5 if bottleneck else 4):
        x = taps[-1]
        for i in range(state.depth(f"layer{stage}")):
            unit, stride = f"layer{stage}.{i}.", 2 if stage > 1 and i == 0 else 1
            if bottleneck:
                out = F.relu(state.conv_bn(unit, 1, x))
                out = state.conv_bn(unit, 3, F.relu(state.conv_bn(unit, 2, out, stride)))
            else:
                out = state.conv_bn(unit, 2, F.relu(state.conv_bn(unit, 1, x, stride)))
            if state.has(f"{unit}{project}.0"):
                x = state.bn(f"{unit}{project}.1", state.conv(f"{unit}{project}.0", x, stride))
            x = F.relu(x + out)
        taps.append(x)
    pooled = F.avg_pool2d(taps[-1], 4 if bottleneck else 8).flatten(1)
    return state.answer(taps, pooled, "linear" if bottleneck else "fc")


def wrn(state: State, image: Tensor) -> Knowledge:
    taps = [state.conv("conv1", image)]
    for stage in (1, 2, 3):
        x = taps[-1]
        for i in range(state.depth(f"block{stage}.layer")):
            unit, stride = f"block{stage}.layer.{i}.", 2 if stage > 1 and i == 0 else 1
            active = F.relu(state.bn(f"{unit}bn1", x))
            out = state.conv(f"{unit}conv1", active, stride)
            out = state.conv(f"{unit}conv2", F.relu(state.bn(f"{unit}bn2", out)))
            x = out + (state.conv(f"{unit}convShortcut", active, stride) if state.has(f"{unit}convShortcut") else x)
        taps.append(x)
    return state.answer(taps, F.avg_pool2d(F.relu(state.bn("bn1", taps[-1])), 8).flatten(1), "fc")


def vgg(state: State, image: Tensor) -> Knowledge:
    taps: list[Tensor] = []
    for block in range(5):
        x = image if block == 0 else taps[-1] if block == 4 else F.max_pool2d(taps[-1], 2, 2)
        for i in range(state.depth(f"block{block}") // 2):
            x = F.relu(state.bn(f"block{block}.{3 * i + 1}", state.conv(f"block{block}.{3 * i}", x)))
        taps.append(x)
    return state.answer(taps, F.adaptive_avg_pool2d(taps[-1], 1).flatten(1), "classifier")


def mobilenetv2(state: State, image: Tensor) -> Knowledge:
    x = F.relu(state.bn("conv1.1", state.conv("conv1.0", image, 2)))
    taps = [x]
    for stage in range(7):
        for i in range(state.depth(f"blocks.{stage}")):
            unit, stride = f"blocks.{stage}.{i}.conv.", 2 if stage in (2, 3, 5) and i == 0 else 1
            out = F.relu(state.bn(f"{unit}1", state.conv(f"{unit}0", x)))
            out = F.relu(state.bn(f"{unit}4", state.conv(f"{unit}3", out, stride)))
            out = state.bn(f"{unit}7", state.conv(f"{unit}6", out))
            x = x + out if stride == 1 and x.shape == out.shape else out
        if stage in (1, 2, 4, 6):
            taps.append(x)
    head = F.relu(state.bn("conv2.1", state.conv("conv2.0", x)))
    return state.answer(taps, F.avg_pool2d(head, 2).flatten(1), "classifier.0")


def shufflenetv1(state: State, image: Tensor) -> Knowledge:
    taps = [F.relu(state.conv_bn("", 1, image))]
    for stage in (1, 2, 3):
        x = taps[-1]
        for i in range(state.depth(f"layer{stage}")):
            unit, stride = f"layer{stage}.{i}.", 2 if i == 0 else 1
            out = shuffle(F.relu(state.conv_bn(unit, 1, x)), 1 if stage == 1 and i == 0 else 3)
            out = state.conv_bn(unit, 3, F.relu(state.conv_bn(unit, 2, out, stride)))
            x = F.relu(out + x if i else torch.cat([out, F.avg_pool2d(x, 3, 2, 1)], 1))
        taps.append(x)
    return state.answer(taps, F.avg_pool2d(taps[-1], 4).flatten(1), "linear")


def shufflenetv2(state: State, image: Tensor) -> Knowledge:
    taps = [F.relu(state.conv_bn("", 1, image))]
    for stage in (1, 2, 3):
        x = taps[-1]
        for i in range(state.depth(f"layer{stage}")):
            unit = f"layer{stage}.{i}."
            if i == 0:
                left = F.relu(state.conv_bn(unit, 2, state.conv_bn(unit, 1, x, 2)))
                right = state.conv_bn(unit, 4, F.relu(state.conv_bn(unit, 3, x)), 2)
                right = F.relu(state.conv_bn(unit, 5, right))
            else:
                left, right = x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]
                right = state.conv_bn(unit, 2, F.relu(state.conv_bn(unit, 1, right)))
                right = F.relu(state.conv_bn(unit, 3, right))
            x = shuffle(torch.cat([left, right], 1), 2)
        taps.append(x)
    return state.answer(taps, F.avg_pool2d(F.relu(state.conv_bn("", 2, taps[-1])), 4).flatten(1), "linear")


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("resnet14", resnet),
        ("resnet8x4", resnet),
        ("resnet50_cifar", resnet),
        ("wrn_16_1", wrn),
        ("wrn_16_2", wrn),
        ("vgg8", vgg),
        ("vgg13", vgg),
        ("mobilenetv2", mobilenetv2),
        ("shufflenetv1", shufflenetv1),
        ("shufflenetv2", shufflenetv2),
    ],
)
def test_knowledge_is_the_definition_of_the_published_tensors(name, definition):
    torch.manual_seed(0)
    network = uniads.build("model", name, num_classes=7).double().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.bias, module.running_mean):
                torch.nn.init.normal_(tensor, std=0.3)
            for tensor in (module.weight, module.running_var):
                torch.nn.init.uniform_(tensor, 0.7, 1.4)
    image = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        got, wanted = network(image), definition(State(network.state_dict()), image)
    assert len(got.features) == len(wanted.features)
    for one, other in zip((*got.features, *got[1:]), (*wanted.features, *wanted[1:]), strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=1e-8, atol=1e-8 * float(other.abs().max()))
