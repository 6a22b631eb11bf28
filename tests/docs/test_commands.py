"""No command line in the project's texts rots: each is composed, and those that can run in short time run."""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from subprocess import run

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, open_dict

from tests.docs.commands import ROOT, Command, commands
from tests.docs.running import shortened, why_not
from uniads.distiller.base import Distiller
from uniads.options import conf_dir
from uniads.schema.check import check
from uniads.schema.ignored import check_search_command

PLACEHOLDERS = {"FILE", "DIR", "FOLDER", "URL", "..."}
"""What a reader replaces. Nothing else in a command line may need replacing."""

SPACE = re.compile(r"Save this as `FOLDER/space/mine.yaml`:\n\n```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)

OURS = [command for command in commands() if command.name]
DISTINCT = list({command.words: command for command in OURS}.values())


def named(command: Command) -> str:
    return f"{command.file}: {command.text}"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tutorial's own space, as the tutorial has it."""
    found = SPACE.search((ROOT / "docs" / "tutorials" / "space.md").read_text(encoding="utf-8"))
    assert found
    folder = tmp_path_factory.mktemp("config")
    (folder / "space").mkdir()
    (folder / "space" / "mine.yaml").write_text(found[1], encoding="utf-8")
    return folder


def place(command: Command, folder: Path) -> Path:
    """The folder of options that a command names."""
    return folder if command.config_dir == "FOLDER" else ROOT / command.config_dir


def compose(command: Command, folder: Path) -> list[DictConfig]:
    """The configuration of a command; of several jobs those of the first and the last."""
    configured = []
    search_path = [f"hydra.searchpath=[file://{place(command, folder)}]"] if command.config_dir else []
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        for job in dict.fromkeys(map(tuple, (command.jobs[0], command.jobs[-1]))):
            overrides = [override.replace("+pair=...", "+pair=resnet56-resnet20") for override in job]
            configured.append(loader.load_configuration(command.name, [*overrides, *search_path], RunMode.RUN))
    return configured


def test_the_texts_hold_as_many_commands_as_they_should() -> None:
    assert len(commands()) >= 120
    assert len(DISTINCT) >= 85
    roots = {file.stem for file in conf_dir().glob("*.yaml")}
    assert {command.name for command in OURS} == roots
    shown = {command.file for command in OURS}
    for group in ("search", "experiment"):
        files = {f"conf/{group}/{file.name}" for file in (conf_dir() / group).glob("*.yaml")}
        assert files <= shown
    assert {f"conf/{root}.yaml" for root in roots} <= shown
    assert len({file for file in shown if file.startswith("docs/howto/")}) >= 12


def test_only_known_placeholders_have_to_be_replaced() -> None:
    assert {found for command in OURS for found in command.placeholders} == PLACEHOLDERS


@pytest.mark.parametrize("command", DISTINCT, ids=named)
def test_a_command_can_be_composed(command: Command, folder: Path) -> None:
    for cfg in compose(command, folder):
        with open_dict(cfg):
            cfg.hydra.runtime.output_dir = str(folder)
        HydraConfig.instance().set_config(cfg)
        check(command.name, cfg)
        if command.name in ("search", "sweep") and "search" in cfg:
            check_search_command(cfg, cfg.hydra.overrides.task)
        if "distiller" in cfg and not command.config_dir:
            assert isinstance(instantiate(cfg.distiller), Distiller)


def test_a_command_with_m_is_as_many_jobs_as_its_values_say() -> None:
    (command,) = [command for command in DISTINCT if "seed=0,1,2" in command.words and "..." not in command.text]
    assert command.jobs == [
        ["+pair=wrn40_2-wrn16_2", f"seed={seed}", f"distiller={distiller}"]
        for seed in (0, 1, 2)
        for distiller in ("kd", "plain")
    ]


def test_other_commands_name_what_there_is() -> None:
    others = [command for command in commands() if not command.name]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    made = [command for command in others if command.words[0] == "make"]
    modules = [command for command in others if command.module]
    assert len(made) >= 8
    assert modules
    for command in made:
        assert command.words[1] in targets, named(command)
    for command in modules:
        assert find_spec(command.module), named(command)
        assert all((ROOT / argument).exists() for argument in command.arguments), named(command)
    assert len(made) + len(modules) == len(others)


RUN = [command for command in DISTINCT if not why_not(command)]


def test_most_commands_can_be_run() -> None:
    assert len(RUN) >= 50
    assert len(DISTINCT) - len(RUN) <= 45


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN, ids=named)
def test_a_command_runs(
    command: Command, folder: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    teachers = tmp_path_factory.getbasetemp() / "teachers"
    arguments = shortened(command, folder, tmp_path, teachers)
    # A path is one of the repository's; the command itself runs elsewhere.
    env = os.environ | {name: str(ROOT / value) for name, value in command.environment}
    ended = run(arguments, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert ended.returncode == 0, ended.stdout + ended.stderr
