"""What every option of the group keeps to; a new option is picked up from its YAML file."""

import inspect
from collections.abc import Callable
from functools import cache

import pytest
import torch
from omegaconf import OmegaConf

from uniads import build, options
from uniads.distance.base import LIMIT, Distance
from uniads.options import conf_dir
from uniads.testing.distance import PROMISES, Make, draw_pair

PUBLISHED = ("smooth_l1", "l1", "l2", "kl", "hard", "cosine", "pearson", "correlation")
every_option = pytest.mark.parametrize("option", options("distance"))


@cache
def distance(option: str) -> Distance:
    """The option as its YAML file describes it."""
    return build("distance", option)


def test_the_8_published_distances_are_options() -> None:
    assert len(PUBLISHED) == 8
    assert set(PUBLISHED) <= set(options("distance"))


@every_option
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_a_distance_keeps_its_promises(option: str, promise: Callable[[Make], None]) -> None:
    promise(lambda: distance(option))


def test_there_are_as_many_promises_as_ever() -> None:
    assert len(PROMISES) == 13


@every_option
def test_equal_is_at_distance_zero(option: str) -> None:
    if option == "hard":
        teacher = 1e3 * torch.nn.functional.one_hot(torch.arange(4), 5).double()  # certain: the only zero it has
    else:
        _, teacher = draw_pair(4, 5)
    assert distance(option)(teacher, teacher).item() == pytest.approx(0, abs=1e-7)


def test_squares_at_the_limit_can_be_summed_over_any_real_map() -> None:
    assert torch.finfo(torch.float32).max > (2 * LIMIT) ** 2 * 8e9


@every_option
def test_the_yaml_file_names_every_argument_with_the_default_of_the_class(option: str) -> None:
    # So that the command line can override each one, and Python and Hydra build the same thing.
    named = OmegaConf.to_container(OmegaConf.load(conf_dir() / "distance" / f"{option}.yaml"))
    assert isinstance(named, dict)
    assert named.pop("_target_").startswith("uniads.distance.")
    arguments = inspect.signature(type(distance(option))).parameters.values()
    plain = {a.name: a.default for a in arguments if a.kind is a.POSITIONAL_OR_KEYWORD}
    assert set(named) == set(plain)
    for name, default in plain.items():
        value = list(default) if isinstance(default, tuple) else default
        assert value in (inspect.Parameter.empty, named[name])
