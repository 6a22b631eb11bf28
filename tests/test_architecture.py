"""The shape of the house: layers, names, sizes. Sweeps say how many things they saw."""

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml
from hydra.utils import get_object
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

from uniads.options import conf_dir, options

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "uniads"
MODULES = sorted(PACKAGE.rglob("*.py"))
YAMLS = sorted(conf_dir().rglob("*.yaml"))
SHARED = ("callback", "data", "distance", "distiller", "launcher", "logger", "model", "recipe", "search", "transform")
"""Names of both a config group and a package folder."""


def lines(module: Path) -> int:
    return len(module.read_text(encoding="utf-8").splitlines())


def folders(parent: Path) -> set[str]:
    return {path.name for path in parent.iterdir() if path.is_dir() and path.name != "__pycache__"}


def targets(content: Any) -> list[str]:
    """Every ``_target_`` in a YAML file's content, however deep."""
    if isinstance(content, dict):
        own = [content["_target_"]] if "_target_" in content else []
        return own + [target for value in content.values() for target in targets(value)]
    return []


def test_the_import_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    contracts = read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    assert len(contracts) == 5
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0, capsys.readouterr().out


@pytest.mark.parametrize("module", ["uniads", "uniads.search"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    heavy = {"torch", "pytorch_lightning", "hydra", "omegaconf", "wandb", "matplotlib", "sklearn"}
    script = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "uniads" in done.stdout.split()
    assert not heavy & set(done.stdout.split())


BORDER = {"command", "bridge", "schema"}
"""Packages whose functions may take a configuration."""
HYDRA_ITSELF = {"launcher/pool.py", "launcher/hydra_private.py"}
"""Hydra's own interfaces: a launcher of ours, and the private parts that it needs."""
ENTRY_POINTS = {"__init__", "__main__", "entry", "train", "evaluate", "compare", "sweep"}


def test_no_function_outside_of_the_border_takes_a_configuration() -> None:
    takers = {
        f"{module.relative_to(PACKAGE).as_posix()}: {node.name}"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any("DictConfig" in ast.unparse(a.annotation) for a in node.args.args if a.annotation)
    }
    inside = {taker for taker in takers if taker.split("/")[0] in BORDER}
    assert len(inside) > 15, "the border is somewhere else"
    assert {taker for taker in takers - inside if taker.split(":")[0] not in HYDRA_ITSELF} == set()


def test_a_worker_starts_without_torch() -> None:
    """What a job is sent as; a worker that has no torch yet is ready in a second."""
    script = "import sys, uniads.bridge.job; print({'torch', 'pytorch_lightning'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"


def test_private_parts_of_hydra_are_used_in_one_file() -> None:
    users = [m.relative_to(PACKAGE).as_posix() for m in MODULES if "hydra._" in m.read_text(encoding="utf-8")]
    assert users == ["launcher/hydra_private.py"]


def test_the_root_of_the_package_holds_words_and_entry_points() -> None:
    words = {module.stem for module in PACKAGE.glob("*.py")} - ENTRY_POINTS
    assert words == {"cache", "error", "knowledge", "notice", "options", "outcome", "signature"}


def test_near_names_are_looked_for_in_one_place() -> None:
    users = [m.relative_to(PACKAGE).as_posix() for m in MODULES if "get_close_matches" in m.read_text(encoding="utf-8")]
    assert users == ["error.py"]


def test_groups_packages_and_tests_share_names() -> None:
    packages = folders(PACKAGE)
    assert set(SHARED) <= packages
    assert set(SHARED) <= folders(conf_dir())
    others = {
        "bridge",
        "command",
        "export",
        "learner",
        "report",
        "schema",
        "settings",
        "teacher",
        "terminal",
        "testing",
        "training",
    }
    assert packages == {*SHARED, *others}
    named = packages | {module.stem for module in PACKAGE.glob("*.py")} | folders(conf_dir()) | {"docs"}
    assert {name for name in folders(ROOT / "tests") if not name.startswith(".")} <= named


@pytest.mark.parametrize("group", ["data", "distance", "distiller", "model", "transform"])
def test_an_option_is_a_class_of_its_group(group: str) -> None:
    assert len(options(group)) >= 3
    for option in options(group):
        content = yaml.safe_load((conf_dir() / group / f"{option}.yaml").read_text(encoding="utf-8"))
        assert content["_target_"].startswith(f"uniads.{group}."), option


def test_every_target_exists() -> None:
    found = [target for file in YAMLS for target in targets(yaml.safe_load(file.read_text(encoding="utf-8")))]
    assert len(YAMLS) > 100
    assert len(found) > 80
    for target in sorted(set(found)):
        assert callable(get_object(target)), target


def test_yaml_reads_no_option_as_a_value() -> None:
    for file in YAMLS:
        assert isinstance(yaml.safe_load(file.stem), str), f"YAML reads the name of {file} as a value"


def test_modules_are_short() -> None:
    sizes = {module: lines(module) for module in MODULES}
    assert len(sizes) > 80
    assert {str(module): size for module, size in sizes.items() if size > 400} == {}
    assert median(sizes.values()) < 160


def test_functions_are_short() -> None:
    sizes = {
        f"{module.relative_to(ROOT)}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(sizes) > 250
    assert {name: size for name, size in sizes.items() if size > 60} == {}


def test_names_say_something() -> None:
    vague = {"utils", "util", "misc", "helpers", "helper", "common", "core", "types", "manager", "handler"}
    assert [str(module) for module in MODULES if module.stem in vague or module.parent.name in vague] == []
