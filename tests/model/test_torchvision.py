"""torchvision's classifiers, tapped without a download."""

from pathlib import Path

import pytest
import torch
from torchvision import models

from tests.journey import LIGHTNING, small
from uniads import build
from uniads.knowledge import Knowledge
from uniads.model import checkpoint
from uniads.model.taps import Tapped
from uniads.model.torchvision import torchvision
from uniads.teacher.training import load_or_train
from uniads.training.fit import fit
from uniads.training.parts import load_data

pytestmark = pytest.mark.slow

CHOSEN = {  # for images of 64x64: features with channels and height; size of the embedding
    "resnet18": ("relu 64 32, layer1 64 16, layer2 128 8, layer3 256 4, layer4 512 2", 512),
    "resnet34": ("relu 64 32, layer1 64 16, layer2 128 8, layer3 256 4, layer4 512 2", 512),
    "resnet50": ("relu 64 32, layer1 256 16, layer2 512 8, layer3 1024 4, layer4 2048 2", 2048),
    "mobilenet_v2": ("features.1 16 32, features.3 24 16, features.6 32 8, features.13 96 4, features 1280 2", 1280),
    "shufflenet_v2_x1_0": ("conv1 24 32, maxpool 24 16, stage2 116 8, stage3 232 4, conv5 1024 2", 1024),
    "vgg11_bn": (
        "features.2 64 64, features.6 128 32, features.13 256 16, features.20 512 8, features.27 512 4, features 512 2",
        4096,
    ),
    "convnext_tiny": ("features.1 96 16, features.3 192 8, features.5 384 4, features 768 2", 768),
    "swin_t": ("features.1 96 16, features.3 192 8, features.5 384 4, norm 768 2", 768),
    "squeezenet1_1": ("features.1 64 31, features.4 128 15, features.7 256 7, features 512 3", 512),
    "vit_b_16": ("conv_proj 768 2, encoder 768 2", 768),
}
MORE = {"vit_b_16": {"image_size": 32}}


def described(network: Tapped, knowledge: Knowledge) -> str:
    pairs = zip(network.features, knowledge.features, strict=True)
    return ", ".join(f"{name} {value.shape[1]} {value.shape[2]}" for name, value in pairs)


@pytest.mark.parametrize("name", CHOSEN)
def test_taps_are_chosen_and_logits_are_torchvisions(name):
    more = MORE.get(name, {})
    image = torch.randn(2, 3, more.get("image_size", 64), more.get("image_size", 64))
    torch.manual_seed(0)
    theirs = models.get_model(name, num_classes=7, **more).eval()
    torch.manual_seed(0)
    ours = torchvision(name, num_classes=7, **more).eval()
    with torch.inference_mode():
        knowledge = ours(image)
        torch.testing.assert_close(knowledge.logits, theirs(image))
    assert described(ours, knowledge) == CHOSEN[name][0]
    assert knowledge.embedding.shape == (2, CHOSEN[name][1])
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_it_is_an_option_whose_taps_can_be_named():
    network = build(
        "model", "torchvision", name="resnet18", num_classes=4, features=["bn1", "layer2.0"], embedding="layer4"
    )
    knowledge = network.eval()(torch.randn(2, 3, 32, 32))
    assert [tuple(tap.shape[1:]) for tap in knowledge.features] == [(64, 16, 16), (128, 4, 4)]
    assert knowledge.features[0].min() < 0
    assert knowledge.embedding.shape == (2, 512)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1"])
def test_images_of_other_channels_get_a_first_convolution_of_their_own(name):
    network = torchvision(name, num_classes=4, in_channels=1).eval()
    assert network(torch.randn(2, 1, 64, 64)).logits.shape == (2, 4)
    three = models.get_model(name, num_classes=4).state_dict()
    changed = [key for key, value in network.state_dict().items() if value.shape != three[key].shape]
    assert len(changed) == 1


REFUSED = {
    "a detector": ({"name": "fasterrcnn_resnet50_fpn"}, "fasterrcnn_resnet50_fpn does not classify whole images"),
    "a segmenter": ({"name": "deeplabv3_resnet50"}, "deeplabv3_resnet50 does not classify whole images"),
    "a video network": ({"name": "r3d_18"}, "r3d_18 does not classify whole images"),
    "an unknown name": ({"name": "resnet19"}, r"no classifier 'resnet19'\. Did you mean .*resnet18"),
    "unknown weights": ({"name": "resnet18", "weights": "V9"}, r"no weights 'V9'; allowed: DEFAULT, IMAGENET1K_V1"),
    "weights for other classes": (
        {"name": "resnet18", "weights": "DEFAULT", "num_classes": 10}, "for 1000 classes and 3 channels, .* 10 and 3"
    ),
    "weights for other channels": (
        {"name": "resnet18", "weights": "DEFAULT", "in_channels": 1}, "for 1000 classes and 3 channels, .* 1000 and 1"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_a_teacher_is_refused(case):
    arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        torchvision(**arguments)


def test_images_of_another_size_than_a_transformers_are_refused():
    network = torchvision("vit_b_16", image_size=32, num_classes=4, features=["encoder"])
    with pytest.raises(ValueError, match=r"refuses images of 3x64x64 .*image_size"):
        network(torch.zeros(1, 3, 64, 64))


def test_weights_that_can_not_be_fetched_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")
    with pytest.raises(FileNotFoundError, match=r"DEFAULT of shufflenet_v2_x0_5 can't be downloaded .*checkpoint=FILE"):
        torchvision("shufflenet_v2_x0_5", weights="DEFAULT")


@pytest.mark.filterwarnings("ignore::UserWarning:hydra")
def test_a_teacher_with_published_weights_is_not_trained(monkeypatch, tmp_path):
    name = "shufflenet_v2_x0_5"
    torch.manual_seed(0)
    published = models.get_model(name)
    file = tmp_path / "hub" / "checkpoints" / Path(models.get_model_weights(name).DEFAULT.url).name
    file.parent.mkdir(parents=True)
    torch.save(published.state_dict(), file)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cfg = small(
        tmp_path / "run", "model@teacher.model=torchvision", f"teacher.model.name={name}",
        "teacher.model.weights=DEFAULT", "data.num_classes=1000", "data.image_size=[3,32,32]",
        "data.train_size=3000",
    )  # fmt: skip
    teacher = load_or_train(cfg, load_data(cfg))
    assert (str(teacher.file), teacher.val_acc1, teacher.trained) == (f"torchvision-{name}-DEFAULT", None, False)
    own = teacher.network.state_dict()
    assert all(torch.equal(value, own[key]) for key, value in published.state_dict().items())


@pytest.mark.filterwarnings(*(mark.mark.args[0] for mark in LIGHTNING))
def test_a_file_of_its_weights_teaches_a_student(tmp_path):
    name = "shufflenet_v2_x0_5"
    file = tmp_path / "theirs.pth"
    torch.save(models.get_model(name, num_classes=4).state_dict(), file)
    cfg = small(
        tmp_path / "run", "model@teacher.model=torchvision", f"teacher.model.name={name}", f"teacher.checkpoint={file}",
        "data.image_size=[3,32,32]", "data.train_size=160", "data.test_size=8", "epochs=1", "trial=true",
        "distiller=searched",
    )  # fmt: skip
    assert fit(cfg).rejected is None
    taught = load_or_train(cfg, load_data(cfg)).network.state_dict()
    assert all(torch.equal(value, taught[key]) for key, value in checkpoint.read(file)["model"].items())
