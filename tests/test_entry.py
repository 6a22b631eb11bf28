"""The ways in: python -m uniads.COMMAND, and uniads COMMAND."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import uniads
from uniads.__main__ import COMMANDS
from uniads.options import conf_dir

PACKAGE = Path(uniads.__file__).parent


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "uniads", *arguments], capture_output=True, text=True, cwd=folder, timeout=120
    )


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_an_entry_point_a_configuration_and_a_module_of_its_name(name: str) -> None:
    assert (PACKAGE / f"{name}.py").exists() or (PACKAGE / name / "__main__.py").exists()
    assert (conf_dir() / f"{name}.yaml").exists()
    assert callable(import_module(f"uniads.command.{name}").main)


def test_every_entry_point_is_a_command() -> None:
    found = {file.stem if file.stem != "__main__" else file.parent.name for file in PACKAGE.rglob("*.py")
             if "\n    start(\"" in file.read_text(encoding="utf-8")}  # fmt: skip
    assert found == set(COMMANDS)
    assert {file.stem for file in conf_dir().glob("*.yaml")} == set(COMMANDS)


def test_without_a_command_they_are_listed(tmp_path: Path) -> None:
    ended = run(folder=tmp_path)
    assert ended.returncode == 0
    assert all(f"  {name}" in ended.stdout for name in COMMANDS)


def test_the_version_is_this_packages(tmp_path: Path) -> None:
    assert run("--version", folder=tmp_path).stdout == f"uniads {uniads.__version__}\n"


def test_a_mistyped_command_is_answered_with_the_nearest(tmp_path: Path) -> None:
    ended = run("serach", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: there is no command 'serach'; there are search, ")
    assert "Did you mean search?" in ended.stderr


def test_a_commands_arguments_reach_it(tmp_path: Path) -> None:
    ended = run("train", "+pair=resnet56-resnet20", "epochs=7", "--cfg", "job", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "\nepochs: 7\n" in ended.stdout
