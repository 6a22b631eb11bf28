"""Every measurement runs, shows a table, and writes what it takes to repeat it."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks import reporting

ROOT = Path(__file__).resolve().parent.parent
SMALL = ("--teacher", "resnet14", "--student", "resnet8", "--batch", "8", "--threads", "1")
QUICK = {
    "step": ("--repeats", "1", "--no-compile", *SMALL),
    "loop": ("--repeats", "1", "--images", "64", *SMALL),
    "epochs": ("--repeats", "1", "--batch", "4", "--only", "wrn40_2-wrn16_2"),
    "memory": ("--batches", "4", "8", *SMALL),
    "gpu": ("--device", "cpu", "--quick"),
    "accuracy": ("--repeats", "2", "--no-compile", *SMALL[:4], "--epochs", "2", "data.fraction=0.2"),
    "main_job": ("--quick",),
    "scaling": ("--candidates", "2", "--workers", "1"),
    "cifar100": ("--data", "fake", "--epochs", "2", "--piece", "1", "--minutes", "3", "--threads", "1"),
}


def run(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments],
        capture_output=True, text=True, cwd=folder, env=environment, timeout=400,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_it_runs_and_writes_its_numbers(name: str, tmp_path: Path) -> None:
    done = run(name, tmp_path, *QUICK[name], "--json", "numbers.json")
    assert done.returncode == 0, done.stderr
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert numbers["command"].startswith(f"python -m benchmarks.{name}")
    assert numbers["rows"]
    assert all(row.keys() == numbers["rows"][0].keys() for row in numbers["rows"])


@pytest.mark.slow
def test_a_long_training_goes_on_by_the_same_command(tmp_path: Path) -> None:
    asked = (*QUICK["cifar100"][:-4], "--minutes", "0", "--threads", "1")
    first = run("cifar100", tmp_path, *asked)
    assert "the same command goes on" in first.stdout, first.stderr
    assert "0 of 2" in first.stdout
    whole = run("cifar100", tmp_path, *QUICK["cifar100"])
    assert whole.stdout.count("2 of 2 epochs") == 2, whole.stderr
    again = run("cifar100", tmp_path, *QUICK["cifar100"])
    assert "last piece" not in again.stdout
    assert again.stdout.splitlines()[-3:-1] == whole.stdout.splitlines()[-3:-1]


def test_a_measurement_goes_on_with_its_own_rows_only(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    run = Namespace(seed=0, repeats=2, store=tmp_path, json=file)
    assert reporting.resume(run) == {}
    reporting.save("benchmarks.some", run, [{"seed": 0, "loss": 0.123456}])
    assert str(tmp_path) not in file.read_text(encoding="utf-8")
    assert reporting.resume(run)["rows"] == [{"seed": 0, "loss": 0.1235}]
    more = Namespace(**{**vars(run), "repeats": 3, "store": tmp_path / "elsewhere"})
    assert reporting.resume(more, "repeats")["rows"]
    with pytest.raises(SystemExit, match=r"rows.json was made with repeats=2, now it is 3; use another file"):
        reporting.resume(more)
