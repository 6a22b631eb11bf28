"""The YAML files are the registry: listed, built from Python, and found wherever the package lies."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from uniads import build, options
from uniads.options import conf_dir

GROUPS = {path.name for path in conf_dir().iterdir() if path.is_dir() and list(path.glob("*.yaml"))}
ALONE = {"transform", "distance", "node", "distiller", "recipe", "data", "model"}
"""Groups whose options are objects that need nothing else."""
SETTINGS = {
    "also",
    "callback",
    "debug",
    "experiment",
    "launcher",
    "logger",
    "pair",
    "paths",
    "search",
    "space",
    "trainer",
}
ELSEWHERE = {"data", "model"}
"""Built one by one in the tests of their own folders; some need files of the user's."""
PARTIAL = {"algorithm", "schedule"}
"""Their values come from the search's settings."""
ROOT = Path(__file__).resolve().parents[1]
LIST = "import uniads; from uniads.options import conf_dir; print(conf_dir(), *uniads.options('transform'))"


def test_every_group_is_accounted_for() -> None:
    assert GROUPS - SETTINGS - PARTIAL == ALONE


@pytest.mark.parametrize("group", sorted(ALONE - ELSEWHERE))
def test_every_option_builds_from_python(group: str) -> None:
    for name in options(group):
        built = build(group, name)
        assert type(built).__module__.startswith(f"uniads.{group if group != 'node' else 'distiller'}")


def test_overrides_replace_the_files_values() -> None:
    assert build("transform", "mask", keep=0.5).keep == 0.5
    assert build("recipe", "crd", lr=0.01).lr == 0.01


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_options_are_the_files_sorted(group: str) -> None:
    assert list(options(group)) == sorted(file.stem for file in (conf_dir() / group).glob("*.yaml"))


@pytest.mark.parametrize("name", ["no", "yes", "on", "off", "null", "true", "false", "none"])
def test_no_searched_option_has_a_name_that_yaml_reads_as_a_value(name: str) -> None:
    assert not [group for group in ALONE if name in options(group)]


def test_an_unknown_group_is_answered_with_the_groups() -> None:
    with pytest.raises(LookupError, match=r"no config group 'transforms'; the groups are: .*transform"):
        options("transforms")


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(LookupError, match=r"no transform 'sat'; there are .*Did you mean satt\?"):
        build("transform", "sat")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, uniads; print(sorted({'torch', 'hydra', 'omegaconf', 'numpy', 'wandb'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("where", ["elsewhere", "checkout"])
def test_the_editable_install_finds_the_checkouts_files(where: str, tmp_path: Path) -> None:
    """Without the folder of the process on the path, what is imported is what is installed."""
    folder = tmp_path if where == "elsewhere" else ROOT
    ended = subprocess.run(
        [sys.executable, "-P" if sys.version_info >= (3, 11) else "-I", "-c", LIST],
        capture_output=True, text=True, check=True, cwd=folder, timeout=120,
    )  # fmt: skip
    place, *names = ended.stdout.split()
    assert Path(place) == ROOT / "conf"
    assert tuple(names) == options("transform")


@pytest.mark.slow
def test_a_wheel_carries_its_files(tmp_path: Path) -> None:
    """Installed alone into a new environment: listing options needs no dependency."""
    make = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(make, capture_output=True, check=True, timeout=300)
    (wheel,) = tmp_path.glob("uniads-*.whl")
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, capture_output=True, check=True, timeout=300)
    ended = subprocess.run(
        [str(python), "-c", LIST], capture_output=True, text=True, check=True, cwd=tmp_path, timeout=120
    )
    place, *names = ended.stdout.split()
    assert tmp_path / "fresh" in Path(place).parents
    assert Path(place).parent.name == "uniads"
    assert tuple(names) == options("transform")
    ours = {str(file.relative_to(conf_dir())) for file in conf_dir().rglob("*.yaml")}
    assert {str(file.relative_to(place)) for file in Path(place).rglob("*.yaml")} == ours
