"""Every configuration that a user can name composes; the command line does what Hydra's users expect."""

import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import pytest
import yaml
from hydra.errors import ConfigCompositionException

from tests.journey import LIGHTNING, SMALL, Commands, configured
from uniads import options, train
from uniads.options import conf_dir

pytestmark = LIGHTNING
PAIRS, DISTILLERS = options("pair"), ("kd", "searched", "plain")
COUNTS = {"transform": 31, "distance": 8, "model": 22, "pair": 11, "data": 6, "recipe": 3, "node": 3, "experiment": 11}
SWAPPED = ("algorithm@search.algorithm", "schedule@search.schedule", "search", "space")
IN_TRAIN = ("data", "recipe", "distiller", "trainer", "callback", "logger", "launcher", "paths")
ADDED = ("transform", "distance", "model", "node")


def test_as_many_options_are_tested_as_there_are() -> None:
    found = {group: len(options(group)) for group in COUNTS}
    assert all(found[group] >= count for group, count in COUNTS.items()), found


@pytest.mark.parametrize("pair", PAIRS)
def test_every_pair_composes_with_every_distiller(pair: str) -> None:
    for distiller, root in product(DISTILLERS, ("train", "search")):
        cfg = configured(f"+pair={pair}", f"distiller={distiller}", root=root)
        assert cfg.pair == pair
        assert {"student", "teacher"} <= set(cfg)
        assert cfg.student._target_.startswith("uniads.model.")
        assert cfg.teacher.model._target_.startswith("uniads.model.")
        assert cfg.distiller.task >= 0


@pytest.mark.parametrize("group", IN_TRAIN)
def test_every_option_of_a_training_composes(group: str) -> None:
    for name in options(group):
        if (group, name) != ("launcher", "ray") or find_spec("ray"):
            configured(f"+pair={PAIRS[0]}", f"{group}={name}")


@pytest.mark.parametrize("group", SWAPPED)
def test_every_option_of_a_search_composes(group: str) -> None:
    for name in options(group.split("@")[0]):
        configured(f"+pair={PAIRS[0]}", f"{group}={name}", root="search")


@pytest.mark.parametrize("group", ADDED)
def test_every_part_composes(group: str) -> None:
    names = options(group)
    cfg = configured(*(f"+{group}@every.{name}={name}" for name in names))
    assert set(cfg.every) == set(names)
    assert all("_target_" in part for part in cfg.every.values())


def test_a_tiny_search_has_a_tiny_space_unless_another_is_named() -> None:
    pair = f"+pair={PAIRS[0]}"
    assert "chance=null" in configured(pair, "search=tiny", root="search").space.base
    named = configured(pair, "search=tiny", "space=balanced", root="search").space
    assert named == configured(pair, root="search").space


def test_a_recipe_follows_the_data_and_yields_to_the_user() -> None:
    pair = f"+pair={PAIRS[0]}"
    assert configured(pair, "data=cifar100").recipe.epochs == 240
    assert configured(pair, "data=cifar100").teacher.recipe.epochs == 240
    assert configured(pair, "data=digits").recipe.epochs == 6
    assert configured(pair, "data=cifar100", "recipe=quick").recipe.epochs == 6


def test_an_option_that_is_none_does_not_compose() -> None:
    with pytest.raises(ConfigCompositionException, match="distiller/kdd"):
        configured("distiller=kdd")


@pytest.mark.parametrize("file", sorted(conf_dir().rglob("*.yaml")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_target_is_the_first_line_of_its_option(file: Path) -> None:
    keys = [key for key in yaml.safe_load(file.read_text()) or {} if key != "defaults"]
    assert "_target_" not in keys or keys[0] == "_target_"


def test_a_multirun_trains_every_combination(command: Commands, tmp_path: Path) -> None:
    sweep = (f"hydra.sweep.dir={tmp_path / 'sweep'}", "distiller=plain", "recipe.epochs=1", "data.train_size=160")
    ended = command(train.main, "-m", *SMALL, *sweep, "student.width=0.5,1")
    assert ended.code == 0, ended.error
    assert sorted(file.parent.name for file in (tmp_path / "sweep").glob("*/outcome.json")) == ["0", "1"]


def test_the_debug_option_trains_one_short_epoch(command: Commands, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ended = command(train.main, *SMALL, "distiller=plain", "debug=default", f"hydra.run.dir={run}")
    assert ended.code == 0, ended.error
    assert "64 to train on" in ended.out or "56 to train on" in ended.out
    assert yaml.safe_load((run / ".hydra" / "config.yaml").read_text())["epochs"] == 1


def program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, as a user runs it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    environment.pop("HYDRA_FULL_ERROR", None)
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=folder, env=environment, timeout=300
    )


@pytest.mark.slow
def test_a_new_transform_is_found_listed_and_trained_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "halved.py").write_text(
        "from uniads.transform.base import Transform\n\n\nclass Halved(Transform):\n"
        "    def compute(self, x):\n        return x / 2\n"
    )
    folder = tmp_path / "mine" / "transform"
    folder.mkdir(parents=True)
    (folder / "halved.yaml").write_text("_target_: halved.Halved\n")
    asked = (
        "--config-dir", "mine", *SMALL, "recipe.epochs=1", "transform@distiller.logits.transform.first=halved",
        "hydra.run.dir=run",
    )  # fmt: skip
    ended = program(tmp_path, "uniads.train", *asked)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "run" / "outcome.json").is_file()


@pytest.mark.slow
def test_the_job_configuration_is_shown_and_nothing_is_run(tmp_path: Path) -> None:
    ended = program(tmp_path, "uniads.search", "+pair=resnet56-resnet20", "--cfg", "job")
    assert ended.returncode == 0, ended.stderr
    shown = yaml.safe_load(ended.stdout)
    assert shown["pair"] == "resnet56-resnet20"
    assert "search" in shown
    assert not list(tmp_path.rglob("*.jsonl"))


@pytest.mark.slow
def test_a_mistake_ends_a_process_with_one_sentence(tmp_path: Path) -> None:
    ended = program(tmp_path, "uniads.train", "+pair=resnet56-resnet20", "distiller=kdd")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert "Did you mean kd or rkd?" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
