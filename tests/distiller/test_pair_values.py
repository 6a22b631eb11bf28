"""The values that authors have for a pair, as their code and the logs of their runs say them."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.journey import configured

KD_LS = {
    "resnet110-resnet20": (4, 12), "resnet110-resnet32": (2, 9), "resnet56-resnet20": (2, 9), "vgg13-vgg8": (3, 9),
    "vgg13-mobilenetv2": (3, 9), "wrn40_2-wrn16_2": (2, 9), "resnet32x4-resnet8x4": (2, 9),
    "resnet32x4-shufflenetv2": (2, 9), "resnet34-resnet18": (2, 9),
}  # fmt: skip
"""tau and weight, arXiv:2403.01427."""

DKD_LS = {
    "resnet110-resnet20": (2, 15, 30), "resnet110-resnet32": (2, 15, 30), "resnet56-resnet20": (3, 18, 36),
    "vgg13-vgg8": (2, 15, 30), "vgg13-mobilenetv2": (3, 9, 18), "wrn40_2-wrn16_2": (2, 12, 24),
    "resnet32x4-resnet8x4": (2, 9, 72), "resnet32x4-shufflenetv2": (2, 9, 72),
}  # fmt: skip
"""tau, alpha and beta, arXiv:2403.01427."""

CAT_KD = {
    "resnet110-resnet32": (1.8, 2, False), "resnet56-resnet20": (0.7, 2, False), "vgg13-vgg8": (4.5, 2, False),
    "vgg13-mobilenetv2": (15, 2, True), "wrn40_2-wrn16_2": (12, 2, False), "wrn40_2-shufflenetv1": (80, 4, True),
    "resnet32x4-resnet8x4": (15, 2, False), "resnet32x4-shufflenetv2": (600, 4, True),
    "resnet34-resnet18": (0.5, 4, False),
}  # fmt: skip
"""Weight, positions on a side and whether normalised, arXiv:2304.12777."""

GRIDS = {"vgg13-vgg8": [1, 2], "resnet32x4-resnet8x4": [1, 2], "wrn40_2-wrn16_2": [1, 2, 4]}
"""Of SDD, arXiv:2403.13512."""


def distiller(pair: str, name: str) -> Any:
    return OmegaConf.to_container(configured(f"+pair={pair}", f"distiller={name}").distiller, resolve=True)


@pytest.mark.parametrize("pair", KD_LS)
def test_of_kd_with_standardised_logits(pair: str) -> None:
    found = distiller(pair, "kd_ls")
    assert (found["logits"]["tau"], found["logits"]["weight"]) == KD_LS[pair]
    assert found["task"] == 0.1


@pytest.mark.parametrize("pair", DKD_LS)
def test_of_dkd_with_standardised_logits(pair: str) -> None:
    found = distiller(pair, "dkd_ls")
    assert (found["target"]["tau"], found["target"]["weight"], found["rest"]["weight"]) == DKD_LS[pair]
    assert found["rest"]["tau"] == found["target"]["tau"]


@pytest.mark.parametrize("pair", CAT_KD)
def test_of_class_maps(pair: str) -> None:
    cam = distiller(pair, "cat_kd")["cam"]
    pool = cam["transform"]["first"]
    assert (cam["weight"], pool["size"], pool["normalise"]) == CAT_KD[pair]


@pytest.mark.parametrize("pair", GRIDS)
def test_of_regions(pair: str) -> None:
    assert distiller(pair, "sdd_kd")["regions"]["grids"] == GRIDS[pair]
    assert all(distiller(pair, "sdd_dkd")[part]["grids"] == GRIDS[pair] for part in ("target", "rest"))


def test_of_channels_means_and_deviations() -> None:
    found = {}
    for pair in ("resnet32x4-resnet8x4", "wrn40_2-shufflenetv1", "resnet34-resnet18"):
        feature = distiller(pair, "wkd_f")["feature"]
        view = feature["transform"]["first"]
        found[pair] = (feature["weight"], view["ratio"], view["grid"], feature["decay"])
    assert found == {
        "resnet32x4-resnet8x4": (0.08, 4, 1, 0.625),
        "wrn40_2-shufflenetv1": (0.3, 3, 4, 0.625),
        "resnet34-resnet18": (0.02, 2, 4, 0),
    }


def test_of_imagenet() -> None:
    pair = "resnet34-resnet18"
    kd, rld, sdd = (distiller(pair, name) for name in ("kd", "rld", "sdd_dkd"))
    assert (kd["task"], kd["logits"]["weight"], kd["logits"]["tau"]) == (0.5, 0.5, 1)
    assert [rld["rld"][key] for key in ("beta", "tau", "ramp")] == [0.5, 1, 1]
    assert [sdd["rest"][key] for key in ("weight", "tau", "ramp")] == [0.5, 1, 1]


def test_another_pair_has_those_of_the_method() -> None:
    kd, rld, cat = (distiller("resnet50-resnet18", name) for name in ("kd", "rld", "cat_kd"))
    assert (kd["task"], kd["logits"]["weight"], kd["logits"]["tau"]) == (0.1, 0.9, 4)
    assert [rld["rld"][key] for key in ("beta", "tau", "ramp")] == [8, 4, 20 / 240]
    assert cat["cam"]["transform"]["first"]["normalise"] is False
