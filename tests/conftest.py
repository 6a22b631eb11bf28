"""What every test runs under: annotations executed, one thread, no display, no network, no home of the user's."""

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jaxtyping
import pytest
import torch
from beartype import BeartypeConf, FrozenDict, beartype
from beartype.roar import BeartypeDecorHintPep585DeprecationWarning, BeartypeDecorHintPep3119Exception
from typing_extensions import Self

# YAML may write `tau: 4` where a float is asked for. jaxtyping decorates methods before their class exists, so that
# Self can't be resolved in them. Checking a random item of a list would disturb Python's global generator.
CONF = BeartypeConf(is_pep484_tower=True, is_random=False, hint_overrides=FrozenDict({Self: object}))


def checked(thing: Callable[..., Any]) -> Callable[..., Any]:
    """The function or class, checking its annotations whenever it is called.

    What names a protocol that isinstance can't check is left as it is.
    """
    try:
        with warnings.catch_warnings():
            # OmegaConf's own classes are written with names that typing deprecates.
            warnings.simplefilter("ignore", BeartypeDecorHintPep585DeprecationWarning)
            return beartype(thing, conf=CONF)
    except BeartypeDecorHintPep3119Exception:
        return thing


jaxtyping.install_import_hook("uniads", f"{__name__}.checked")  # before anything imports uniads
pytest_plugins = ["tests.journey", "tests.recorded"]
torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell has it ignored, by all it starts
os.environ |= {"MPLBACKEND": "Agg", "WANDB_MODE": "offline", "WANDB_SILENT": "true"}


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[None]:
    """An empty home, so that neither keys nor caches nor settings of the user's reach a test."""
    folder = tmp_path_factory.mktemp("home")
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setenv(name, str(folder))
        # Its list of fonts takes seconds to make.
        patch.setenv("MPLCONFIGDIR", str(pytestconfig.cache.mkdir("matplotlib")))
        for name in ("WANDB_API_KEY", "UNIADS_DATA"):
            patch.delenv(name, raising=False)
        yield
