"""Whatever a command line or a space says, it becomes settings or one sentence, and nothing is written."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf, open_dict

from tests.journey import LIGHTNING, SMALL
from tests.schema.test_check import plain
from uniads.bridge.search_settings import search_settings
from uniads.bridge.training_settings import training_settings
from uniads.command.evaluate import evaluation_settings
from uniads.command.run import format_error, is_mendable
from uniads.command.search_setup import build_setup, rehearse_search
from uniads.options import conf_dir, options, other_hydra_put_aside
from uniads.schema.check import check
from uniads.schema.choice import check_choices
from uniads.schema.ignored import check_search_command
from uniads.search.space import spell
from uniads.training.parts import data_shape, load_data
from uniads.training.rehearsal import rehearse

pytestmark = [pytest.mark.slow, *LIGHTNING]

SCALARS = st.sampled_from(
    [
        None,
        True,
        False,
        -1,
        0,
        1,
        2,
        3,
        2.5,
        0.5,
        -0.5,
        1e-9,
        1.0,
        float("nan"),
        float("inf"),
        "no",
        "abc",
        "",
        "kd",
        "1",
        "auto",
        "pair",
        "a b",
        "x=y",
        "[/b]",
        "ü",
        "${nope}",
        "${seed}",
        "uniads.recipe.Recipe",
        "???",
        "a'b",
        "true",
    ]
)
LISTS = st.lists(SCALARS, max_size=3)
GROUPS = ("data", "recipe", "distiller", "callback", "logger", "launcher", "debug", "trainer", "model@student", "paths")
SEARCHED = ("search", "space", "algorithm@search.algorithm", "schedule@search.schedule")
EXTRA = (
    "trainer.max_steps", "trainer.limit_val_batches", "trainer.profiler", "trainer.foo", "foo", "distiller.until",
    "distiller.logits.foo", "assistant", "student.foo", "data.views", "recipe.foo", "search.foo", "teacher.foo",
    "trainer.gradient_clip_val", "callback.mine", "search.measures.third", "search.algorithm.foo", "hydra.foo",
)  # fmt: skip
FIXED = {"paths.output_dir", "paths.data_dir", "paths.run_dir", "paths.teacher_dir", "data.root", "hydra"}
"""Keys that stay as they are, so that nothing is looked for elsewhere."""


def leaves(node: Any, above: str = "") -> Iterator[str]:
    """Every key of a configuration."""
    if isinstance(node, dict):
        for name, each in node.items():
            yield f"{above}{name}"
            yield from leaves(each, f"{above}{name}.")


def word(key: str, value: Any) -> str:
    if isinstance(value, list):
        return f"{key}=[{','.join(spell('x', each).partition('=')[2] for each in value)}]"
    return spell(key, value)


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A command, and a few overrides."""
    command = draw(st.sampled_from(["train", "search", "evaluate"]))
    keys = sorted({key for key in leaves(plain(command)) if not key.startswith(tuple(FIXED))})
    overrides = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["value", "value", "value", "value", "added", "removed", "option"]))
        if kind == "removed":
            overrides.append(f"~{draw(st.sampled_from(keys))}")
        elif kind == "option":
            group = draw(st.sampled_from(GROUPS + (SEARCHED if command == "search" else ())))
            name = draw(st.sampled_from([*options(group.partition("@")[0]), "nothing", None, 3]))
            overrides.append(spell(group, name))
        else:
            key = draw(st.sampled_from(keys if kind == "value" else EXTRA))
            sign = {"value": "", "added": "+"}[kind]
            overrides.append(word(f"{sign}{key}", draw(st.one_of(SCALARS, SCALARS, LISTS))))
    return command, overrides


GENES = st.sampled_from(
    [
        "distiller.logits.weight",
        "distiller.logits.tau",
        "recipe.lr",
        "recipe.milestones",
        "recipe.epochs",
        "recipe",
        "student.width",
        "student.blocks.0",
        "student.blocks.9",
        "student.blocks",
        "student._target_",
        "model@student",
        "distance@distiller.logits.distance",
        "transform@distiller.logits.transform.first",
        "distiller",
        "chance",
        "seed",
        "+distiller.until",
        "distiller.feature.weight",
        "data.padding",
        "data",
        "teacher.dtype",
        "model@teacher.model",
        "trainer.precision",
        "hydra.run.dir",
        "compile",
        "memory_format",
        "test",
        "foo",
        "a b",
        "~seed",
        "",
        "recipe.",
        ".",
    ]
)
NESTED = st.one_of(SCALARS, LISTS, st.just([[1], [2]]), st.just({"a": 1}), st.just([{"a": 1}, 2]), st.just("*"))
SPACES = st.dictionaries(GENES, NESTED, min_size=1, max_size=3)


def set_up(command: str, overrides: list[str], dimensions: dict[str, Any] | None = None) -> None:
    """Everything that a command does before its work."""
    small = [each for each in SMALL if command != "evaluate" or each.startswith("data")]
    own = ["search=tiny", "launcher=basic"] if command == "search" else []
    with other_hydra_put_aside(), initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        check_choices(overrides)
        cfg = loader.load_configuration(command, [*small, *own, *overrides], RunMode.RUN)
        with open_dict(cfg):
            cfg.hydra.runtime.output_dir = "nowhere"
            if dimensions is not None:
                cfg.space.dimensions = OmegaConf.create(dimensions)
        HydraConfig.instance().set_config(cfg)
        task = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
        check(command, task)
        if command == "search":
            check_search_command(task, cfg.hydra.overrides.task)
            rehearse_search(build_setup(search_settings(task, loader), loader))
        elif command == "train":
            made = training_settings(task)
            rehearse(made, data_shape(load_data(made)))
        else:
            evaluation_settings(task)


def ends_well(command: str, overrides: list[str], dimensions: dict[str, Any] | None = None) -> None:
    before = sorted(Path().rglob("*"))
    try:
        set_up(command, overrides, dimensions)
    except Exception as error:
        if not is_mendable(error) or "\n" in format_error(error) or not format_error(error):
            raise
    assert sorted(Path().rglob("*")) == before


QUIET = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("fuzz"))
    yield
    os.chdir(before)


@QUIET
@given(command_lines())
def test_any_command_line_becomes_settings_or_a_sentence(asked: tuple[str, list[str]]) -> None:
    ends_well(*asked)


@QUIET
@given(SPACES)
def test_any_space_becomes_a_search_or_a_sentence(dimensions: dict[str, Any]) -> None:
    ends_well("search", [], dimensions)
