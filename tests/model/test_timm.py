"""timm's classifiers, where timm is installed, tapped without a download."""

import sys

import pytest
import torch

from uniads import build
from uniads.model.timm import timm


def test_without_timm_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=r"resnet10t needs timm, which is not installed: pip install uniads\[timm\]"):
        timm("resnet10t")


CHOSEN = {
    "resnet10t": ({}, 64, "act1 64 32, layer1 64 16, layer2 128 8, layer3 256 4, layer4 512 2", 512),
    "vit_tiny_patch16_224": ({"img_size": 32, "patch_size": 4}, 32, "patch_embed.proj 192 8, norm 192 8", 192),
    "convnext_atto": ({}, 64, "stages.0 40 16, stages.1 80 8, stages.2 160 4, norm_pre 320 2", 320),
    "swin_tiny_patch4_window7_224": (
        {"img_size": 64, "window_size": 4}, 64, "layers.0 96 16, layers.1 192 8, layers.2 384 4, norm 768 2", 768
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name.startswith("vit") else pytest.mark.slow) for name in CHOSEN]
)
def test_taps_are_chosen_and_logits_are_timms(name):
    library = pytest.importorskip("timm")
    more, size, wanted, width = CHOSEN[name]
    image = torch.randn(3, 1, size, size)
    torch.manual_seed(0)
    theirs = library.create_model(name, num_classes=7, in_chans=1, **more).eval()
    torch.manual_seed(0)
    ours = build("model", "timm", name=name, num_classes=7, in_channels=1, **more).eval()
    with torch.inference_mode():
        knowledge = ours(image)
        torch.testing.assert_close(knowledge.logits, theirs(image))
    pairs = zip(ours.features, knowledge.features, strict=True)
    assert ", ".join(f"{tap} {value.shape[1]} {value.shape[2]}" for tap, value in pairs) == wanted
    assert knowledge.embedding.shape == (3, width)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.train()(image).logits.shape == (3, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet10x"}, r"timm has no classifier 'resnet10x'\. Did you mean .*resnet10t"),
        ({"name": "resnet10t", "weights": "c3_in1k"}, r"are DEFAULT or null, got 'c3_in1k'; .* name: resnet10t\.TAG"),
        ({"name": "resnet10t", "weights": "DEFAULT", "num_classes": 10}, "are for 1000 classes, the data has 10"),
    ],
)
def test_what_can_not_be_a_teacher_is_refused(arguments, message):
    pytest.importorskip("timm")
    with pytest.raises(ValueError, match=message):
        timm(**arguments)
