"""Real searches on small networks: the same with every launcher, and after kills. All slow."""

import gc
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.io import write_png

from tests.journey import EASY, LIGHTNING, SMALL, Commands
from uniads.search import __main__ as search

pytestmark = [pytest.mark.slow, *LIGHTNING]
SPACE = "space.dimensions={student.blocks.0:[1,2],student.width:[0.5,1],distance@distiller.logits.distance:[kl,l2]}"
TINY = ("hydra/job_logging=none", "recipe.epochs=2", "search=tiny", "space=tiny", SPACE, "final=false")
NETS = tuple(override for override in SMALL if override not in EASY)
IN_PROCESS = ("launcher=basic",)
LAUNCHERS = [
    ("launcher=pool", "hydra.launcher.n_jobs=1"),
    ("launcher=pool", "hydra.launcher.n_jobs=2"),
    ("launcher=joblib", "hydra.launcher.n_jobs=1"),
    ("launcher=joblib", "hydra.launcher.n_jobs=2"),
    ("launcher=joblib", "hydra.launcher.n_jobs=3"),
    ("launcher=submitit",),
]
Run = Callable[..., list[dict[str, Any]]]


def rows(directory: Path) -> list[dict[str, Any]]:
    """The ledger's rows after the header, without what a clock says."""
    found = [json.loads(line) for line in (directory / "ledger.jsonl").read_text().splitlines()[1:]]
    for row in found:
        row.pop("seconds", None)
        row.get("outcome", {}).pop("seconds", None)
    return found


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:  # fmt: skip
    """A search in a folder of its own; returns its rows."""
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.chdir(tmp_path)
    command = Commands(monkeypatch, capsys)

    def searched(name: str, *overrides: str, data: tuple[str, ...] = EASY) -> list[dict[str, Any]]:
        teachers = f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"
        ended = command(search.main, *NETS, *data, *TINY, teachers, f"hydra.run.dir={tmp_path / name}", *overrides)
        assert ended.code == 0, ended.error
        return rows(tmp_path / name)

    return searched


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda launcher: " ".join(launcher))
def test_equal_seeds_give_equal_searches_with_every_launcher(launcher: tuple[str, ...], run: Run) -> None:
    expected = run("basic", *IN_PROCESS)
    assert sum(row["row"] == "trial" and row["status"] == "completed" for row in expected) == 6
    assert run("other", *launcher) == expected
    gc.collect()  # Submitit never waits for the processes that it starts, and Python says so


@pytest.mark.parametrize("launcher", LAUNCHERS[1:4:2], ids=lambda launcher: launcher[0])
def test_image_files_are_read_by_workers_of_their_own(launcher: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    for part in ("train", "test"):
        for number in range(2):
            (tmp_path / "set" / part / f"class{number}").mkdir(parents=True)
            for image in range(12):
                generator = torch.Generator().manual_seed(100 * number + image)
                pixels = torch.randint(100 * number, 100 * number + 60, (3, 12, 12), generator=generator)
                write_png(pixels.byte(), str(tmp_path / "set" / part / f"class{number}" / f"{image}.png"))
    data = (
        "data=imagefolder", f"data.folder={tmp_path / 'set'}", "data.num_classes=2", "data.crop=8", "data.resize=10",
        "data.workers=2", "data.val_fraction=0.25", "search.rejection=null",
    )  # fmt: skip
    expected = run("basic", *IN_PROCESS, data=data)
    assert sum(row["row"] == "trial" and row["status"] == "completed" for row in expected) >= 4
    assert run("other", *launcher, data=data) == expected


def test_a_search_killed_at_random_moments_ends_with_the_same_ledger(run: Run, tmp_path: Path) -> None:
    expected = run("calm", *IN_PROCESS)
    teachers = next((tmp_path.parent).glob("teachers"))
    command = [
        sys.executable, "-m", "uniads.search", *SMALL, *TINY, f"paths.teacher_dir={teachers}",
        f"hydra.run.dir={tmp_path / 'killed'}", "launcher=pool",
    ]  # fmt: skip
    rng = random.Random(0)
    for number in (signal.SIGINT, signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        started = len(list((tmp_path / "killed").rglob("started-*")))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            while process.poll() is None and len(list((tmp_path / "killed").rglob("started-*"))) <= started:
                time.sleep(0.05)
            time.sleep(rng.uniform(0, 2))
            process.send_signal(number)
            out, _ = process.communicate()
        assert "Traceback" not in out
        if process.returncode == 1:
            assert "to go on: python -m uniads.search " in out
            assert out.rstrip().endswith("interrupted")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "killed") == expected
