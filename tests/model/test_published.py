"""Files of published teachers load as they are, and files that are none do nothing."""

import argparse
import os
import pickle
import random
from pathlib import Path

import pytest
import torch

import uniads
from tests.journey import configured
from uniads.bridge.training_settings import plain
from uniads.data.cifar import CIFAR
from uniads.model import checkpoint
from uniads.model.base import Network
from uniads.model.published import CIFAR100, IMAGENET
from uniads.options import option_facts
from uniads.teacher.training import published_acc1


def teacher(seed: int = 0) -> Network:
    """A WRN-16-2 in evaluation mode, with statistics that a training could have left."""
    torch.manual_seed(seed)
    network = uniads.build("model", "wrn_16_2", num_classes=100)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.num_batches_tracked.fill_(7)
    return network.eval()


def copied(network: Network) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def old(network: Network) -> dict[str, torch.Tensor]:
    """The weights as PyTorch 0.4.0 named them: without the counters of batch norm."""
    return {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}


LAYOUTS = {
    "benchmark": lambda weights: {"epoch": 240, "model": weights, "accuracy": torch.tensor(75.61), "optimizer": {}},
    "student_best": lambda weights: {"model": weights},
    "bare": lambda weights: weights,
    "state_dict": lambda weights: {"state_dict": weights, "arch": "wrn"},
    "parallel": lambda weights: {"model": {f"module.{key}": value for key, value in weights.items()}},
    "bare parallel": lambda weights: {f"module.{key}": value for key, value in weights.items()},
}


CONTAINERS = {"legacy-gpu": (False, True), "legacy-cpu": (False, False), "zip-gpu": (True, True), "zip": (True, False)}
"""Whether a file is of PyTorch 1.6 or later, and whether its tensors were on a GPU."""


@pytest.mark.parametrize(
    ("layout", "container"),
    [*(("benchmark", container) for container in CONTAINERS), *((layout, "legacy-gpu") for layout in [*LAYOUTS][1:])],
)
def test_a_published_file_gives_the_logits_of_the_network_that_wrote_it(layout, container, tmp_path, monkeypatch):
    zipped, gpu = CONTAINERS[container]
    writer, file = teacher(), tmp_path / "ckpt_epoch_240.pth"
    with monkeypatch.context() as patch:
        if gpu:
            patch.setattr(torch.serialization, "location_tag", lambda _: "cuda:1")
        torch.save(LAYOUTS[layout](old(writer)), file, _use_new_zipfile_serialization=zipped)
    assert (b"cuda:1" in file.read_bytes()) == gpu
    reader = teacher(seed=1)
    checkpoint.load(reader, checkpoint.read(file)["model"], str(file))
    image = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(reader(image).logits, writer(image).logits)
    counters = [value for key, value in reader.state_dict().items() if key.endswith("num_batches_tracked")]
    assert len(counters) == 13
    assert not any(counters)


def test_facts_beside_the_weights_are_kept(tmp_path):
    torch.save({"model": {"weight": torch.ones(1)}, "accuracy": 75.61}, tmp_path / "file.pth")
    assert checkpoint.read(tmp_path / "file.pth")["accuracy"] == 75.61


def test_counters_that_are_there_are_kept():
    writer, reader = teacher(), teacher(seed=1)
    checkpoint.load(reader, writer.state_dict(), "file")
    assert all(torch.equal(value, reader.state_dict()[key]) for key, value in writer.state_dict().items())


WRONG = {
    "a missing mean": (
        lambda w: {k: v for k, v in w.items() if k != "bn1.running_mean"},
        r"missing: bn1\.running_mean",
    ),
    "a key too many": (lambda w: {**w, "extra.weight": torch.ones(1)}, r"unknown: extra\.weight\)"),
    "another classifier": (lambda w: {**w, "fc.bias": torch.ones(10)}, r"fc\.bias \(10,\) instead of \(100,\)"),
    "half a prefix": (lambda w: {"module.fc.bias": w["fc.bias"], **w}, r"unknown: module\.fc\.bias"),
    "another family": (lambda _: uniads.build("model", "vgg8").state_dict(), r"missing: .* \.\.\.; unknown: .* \.\.\."),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_weights_of_another_network_are_refused_and_nothing_of_them_is_taken(wrong, tmp_path):
    change, message = WRONG[wrong]
    network, file = teacher(), tmp_path / "other.pth"
    before = copied(network)
    torch.save({"model": change(old(teacher(seed=1)))}, file)
    with pytest.raises(ValueError, match=rf"another network than WideResNet.*{message}.*choose the model") as caught:
        checkpoint.load(network, checkpoint.read(file)["model"], str(file))
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_a_file_with_options_is_refused_until_it_is_converted_as_the_message_says(zipped, tmp_path):
    file, new = tmp_path / "wrn_16_2_last.pth", tmp_path / "new.pth"
    writer = teacher()
    content = {"opt": argparse.Namespace(lr=0.05), "model": old(writer)}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"could run code.*convert it once") as caught:
        checkpoint.read(file)
    code = str(caught.value).partition('python -c "')[2].removesuffix('"')
    code = code.replace("FILE", repr(str(file))).replace("NEW", repr(str(new)))
    exec(code)
    assert checkpoint.read(new)["model"].keys() == old(writer).keys()


class Hostile:
    """A pickle of this runs a command that creates a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return os.system, (f"touch {self.victim}",)


@pytest.mark.parametrize("layout", ["whole", "model", "beside"])
@pytest.mark.parametrize("how", ["zip", "legacy", "pickle"])
def test_a_hostile_file_is_refused_and_not_executed(how, layout, tmp_path):
    file, victim = tmp_path / "hostile.pth", tmp_path / "victim"
    payload = Hostile(victim)
    content = {"whole": payload, "model": {"model": payload}, "beside": {"model": old(teacher()), "x": payload}}[layout]
    if how == "pickle":
        file.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=how == "zip")
    with pytest.raises(ValueError, match=r"hostile\.pth.*could run code"):
        checkpoint.read(file)
    assert not victim.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_damaged_bytes_are_refused_in_one_line_or_change_numbers_only(zipped, tmp_path):
    """No damage ends in another error than a ``ValueError``, whatever the place."""
    file, network = tmp_path / "damaged.pth", torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    torch.save({"model": network.state_dict()}, file, _use_new_zipfile_serialization=zipped)
    whole, chance, messages = file.read_bytes(), random.Random(0), []
    for case in range(300):
        damaged = bytearray(whole)
        if case % 3:
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        else:
            damaged = damaged[: chance.randrange(len(damaged))]
        file.write_bytes(bytes(damaged))
        try:
            checkpoint.read(file)
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert not any("\n" in message for message in messages)


def test_published_accuracies_are_found_by_name_and_by_configuration():
    assert published_acc1("wrn_40_2", "cifar100") == 0.7561
    data = CIFAR.__new__(CIFAR)
    data.num_classes = 100
    for option, acc1 in CIFAR100.items():
        assert published_acc1(option_facts("model", option), data) == acc1
    model = plain(configured("+pair=resnet110-resnet20").teacher.model)
    assert published_acc1(model, data) == 0.7431
    data.num_classes = 10
    assert published_acc1(model, data) is None
    model["width"] = 0.5
    assert published_acc1(model, "cifar100") is None
    assert published_acc1("wrn_16_2", "cifar100") is None
    assert published_acc1("wrn_40_2", "cifar10") is None


def test_published_accuracies_belong_to_options():
    assert (len(CIFAR100), len(IMAGENET)) == (6, 3)
    assert {*CIFAR100, *IMAGENET} <= set(uniads.options("model"))


@pytest.mark.parametrize("option", IMAGENET)
def test_published_accuracies_on_imagenet_are_torchvisions(option):
    asked = ("+model@teacher.model=torchvision", f"teacher.model.name={option}", "data=imagenet")
    first = plain(configured(*asked, "teacher.model.weights=IMAGENET1K_V1").teacher.model)
    assert published_acc1(option, "imagenet") == pytest.approx(published_acc1(first, "imagenet"), abs=5e-5)
    data = uniads.build("data", "imagenet", root="nowhere")
    named = plain(configured(f"+model@teacher.model={option}").teacher.model)
    assert published_acc1(named, data) == IMAGENET[option]
    assert published_acc1(first, "cifar100") is None
    unweighted = plain(configured(*asked).teacher.model)
    assert published_acc1(unweighted, data) is None, "nothing is published of random weights"
