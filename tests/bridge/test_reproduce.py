"""The command that trains a candidate again."""

import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from uniads.bridge.reproduce import build_command, build_overrides, build_resuming_command, find_config_dir
from uniads.search.trial import Trial


@pytest.mark.parametrize(("epochs", "stop"), [(3, ["stop_epoch=3"]), (8, [])])
def test_a_candidate_stops_where_its_rung_ends(epochs: int, stop: list[str]) -> None:
    trial = Trial("c0000", (0,), ("student.width=2",), 0, 0, epochs, 17)
    overrides = build_overrides(["data=fake"], trial, data_seed=5, schedule_epochs=8)
    assert overrides == ["data=fake", "student.width=2", "seed=17", "data.seed=5", "epochs=8", *stop, "test=false"]


def test_a_shell_reads_the_overrides_back() -> None:
    overrides = ["data.image_size=[1,8,8]", "paths.run_dir='a b'"]
    assert shlex.split(build_command(overrides)) == ["python", "-m", "uniads.train", *overrides]


def test_the_command_names_the_folder_of_the_users_own_options() -> None:
    assert shlex.split(build_command(["data=mine"], "/my conf")) == [
        "python", "-m", "uniads.train", "--config-dir", "/my conf", "data=mine",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["plain", "S [/b]x", "it's", "a,b=c", "back\\slash", "end\\", "q\\'x", "${x}", "\\${x}", "null"]
)
def test_the_command_to_go_on_names_the_same_directory_again(name: str) -> None:
    arguments = ["+pair=resnet56-resnet20", "data.image_size=[1,8,8]", "hydra.run.dir=elsewhere"]
    words = shlex.split(build_resuming_command(arguments, Path("/runs") / name))
    assert words[:-1] == ["python", "-m", "uniads.search", *arguments[:2]]
    (override,) = OverridesParser.create().parse_overrides(words[-1:])
    assert override.key_or_group == "hydra.run.dir"
    assert OmegaConf.create({"directory": override.value()}).directory == f"/runs/{name}"


def test_a_search_without_notes_of_hydra_had_no_folder_of_options(tmp_path: Path) -> None:
    assert find_config_dir(tmp_path) is None
