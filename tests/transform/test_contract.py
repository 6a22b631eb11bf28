"""What every option of the group keeps to; a new option is picked up from its YAML file."""

import inspect
from collections.abc import Callable
from copy import deepcopy
from functools import cache

import pytest
import torch
from omegaconf import OmegaConf

from uniads import build, options
from uniads.options import conf_dir
from uniads.testing.transform import PROMISES, SHAPES, Make, draw, look
from uniads.transform.base import Transform

# fmt: off
PUBLISHED = {
    "identity", "batchnorm", "scale", "min_max", "multi_scale", "scale_r1", "scale_r2", "scale_r4", "local_s1",
    "local_s2", "local_s4", "batch", "channel", "drop", "mask", "satt", "natt", "catt", "bmm", "mm", "norm_hw",
    "norm_c", "norm_n", "softmax_c", "softmax_n", "softmax_hw", "exp", "relu", "tanh", "sigmoid", "pow2",
}
# fmt: on
every_option = pytest.mark.parametrize("option", options("transform"))


@cache
def transform(option: str) -> Transform:
    """The option as its YAML file describes it."""
    return build("transform", option)


def test_the_31_published_transforms_are_options() -> None:
    assert len(PUBLISHED) == 31
    assert set(options("transform")) >= PUBLISHED


@every_option
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_a_transform_keeps_its_promises(option: str, promise: Callable[[Make], None]) -> None:
    promise(lambda: deepcopy(transform(option)))


def test_there_are_as_many_promises_as_ever() -> None:
    assert len(PROMISES) == 11


@every_option
def test_it_takes_maps(option: str) -> None:
    assert 4 in transform(option).ranks


def test_vectors_count_as_maps_of_one_position() -> None:
    takes_both = [option for option in options("transform") if {2, 4} <= set(transform(option).ranks)]
    takes_both.remove("mask")  # which says why it differs
    assert len(takes_both) >= 23
    x = draw(*SHAPES[2])
    for option in takes_both:
        of_vector, of_map = look(transform(option), x), look(transform(option), x[:, :, None, None])
        torch.testing.assert_close(of_vector.flatten(), of_map.flatten(), msg=option)


@every_option
def test_the_yaml_file_names_every_argument_with_the_default_of_the_class(option: str) -> None:
    # So that the command line can override each one, and Python and Hydra build the same thing.
    named = OmegaConf.to_container(OmegaConf.load(conf_dir() / "transform" / f"{option}.yaml"), resolve=True)
    assert isinstance(named, dict)
    assert named.pop("_target_").startswith("uniads.transform.")
    arguments = inspect.signature(type(transform(option))).parameters.values()
    plain = {a.name: a.default for a in arguments if a.kind is a.POSITIONAL_OR_KEYWORD}
    assert set(named) == set(plain)
    for name, default in plain.items():
        value = list(default) if isinstance(default, tuple) else default
        assert value in (inspect.Parameter.empty, named[name])
