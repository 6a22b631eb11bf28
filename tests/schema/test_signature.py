"""What ``_target_`` names is asked which keys it takes, and of which types."""

from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from tests.schema.test_check import whole
from uniads.error import UserError
from uniads.options import options
from uniads.schema.signature import check_signature

NODE = {
    "_target_": "uniads.distiller.node.Node",
    "source": "logits",
    "weight": 1,
    "tau": 4,
    "distance": {"_target_": "uniads.distance.kl.KL"},
    "transform": {"first": {"_target_": "uniads.transform.identity.Identity"}},
}
KD: dict[str, Any] = {"_target_": "uniads.distiller.composed.Composed", "task": 0.1, "logits": NODE}
DIGITS = {"_target_": "uniads.data.digits.Digits", "mean": [0.3], "std": [0.4], "fraction": 1}
NETWORK = {"_target_": "uniads.model.resnet.ResNet", "blocks": [1, 1, 1], "channels": [16, 16, 32, 64], "width": 1}


@pytest.mark.parametrize("facts", [KD, DIGITS, NETWORK, {**KD, "until": None}, {}, {"a": [1, {"b": 2}]}])
def test_what_fits_passes(facts: dict[str, Any]) -> None:
    check_signature("key", facts)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({**KD, "logits": {**NODE, "weight": "heavy"}}, "key.logits.weight must be a number, got 'heavy'"),
        ({**KD, "logits": {**NODE, "weigth": 1}}, r"no key 'key.logits.weigth'; Node takes .*Did you mean weight\?"),
        ({**KD, "until": float("nan")}, "key.until must be a finite number, got nan"),
        (
            {**KD, "logits": {**NODE, "distance": {"_target_": "uniads.distance.kl.KL", "tau": 3}}},
            "no key .*distance.tau'",
        ),
        ({**KD, "logits": {**NODE, "distance": "kl"}}, "key.logits.distance must be an option, got 'kl'"),
        ({**KD, "logits": {**NODE, "tap": 1.5}}, "key.logits.tap must be a whole number, got 1.5"),
        (
            {"_target_": "uniads.transform.identity.Identity", "size": 3},
            "no key 'key.size'; Identity takes nothing",
        ),
        ({**DIGITS, "fractoin": 0.5}, r"no key 'key.fractoin'; Digits takes .*Did you mean fraction"),
        ({**DIGITS, "mean": 3}, "key.mean must be a list, got 3"),
        ({**DIGITS, "flip": "no"}, "key.flip must be true or false, got 'no'"),
        ({**NETWORK, "blocks": [1, "a"]}, "key.blocks must be a list of which entry 1 is a whole number"),
        ({**NETWORK, "blocks": "deep"}, "key.blocks must be a list, got 'deep'"),
        ({"_target_": "uniads.model.timm.timm", "name": "???"}, "key.name is not given; add key.name="),
        ({"_target_": "uniads.no.such.Thing"}, "key._target_: uniads.no.such.Thing can't be imported"),
        ({"_target_": "no_such_module.Thing"}, "key._target_: no_such_module.Thing can't be imported"),
        ({"_target_": "uniads.model.resnet"}, "is no class and no function"),
        ({"_target_": 3}, "key._target_ must name a class, got 3"),
    ],
)
def test_what_does_not_fit_is_told_with_its_key(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_signature("key", facts)


def test_a_class_from_elsewhere_judges_its_own_arguments() -> None:
    check_signature("key", {"_target_": "pathlib.Path", "anything": 3})


@pytest.mark.slow
def test_every_option_fits_its_own_class() -> None:
    groups = (
        "transform",
        "distance",
        "model",
        "node",
        "distiller",
        "data",
        "algorithm",
        "schedule",
        "logger",
        "callback",
    )
    names = [(group, name) for group in groups for name in options(group) if name not in ("timm", "torchvision")]
    assert len(names) > 100
    cfg = whole("search", *(f"+{group}@every.{group}.{name}={name}" for group, name in names))
    HydraConfig.instance().set_config(cfg)
    for group, name in names:
        check_signature(f"{group}={name}", OmegaConf.to_container(cfg.every[group][name], resolve=True))
