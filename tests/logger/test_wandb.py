"""W&B runs: whose they are, and how they end."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wandb

from uniads.logger.wandb import run_id, search_run, training_logger


def test_a_directory_has_one_run_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    assert run_id(tmp_path / "a", "search") == run_id(tmp_path / "b" / ".." / "a", "search")
    names = {run_id(tmp_path / place, kind) for place in ("a", "b") for kind in ("search", "training")}
    assert len(names) == 4


def test_a_search_and_its_final_training_are_one_group(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    with search_run(tmp_path, "pair", {}) as opened:
        group = opened.run.group
        assert opened.run.id == run_id(tmp_path, "search")
    assert wandb.run is None
    (tmp_path / "ledger.jsonl").touch()
    final = training_logger(str(tmp_path / "final"), "pair", {})
    assert final.experiment.group == group
    other = training_logger(str(tmp_path), "pair", {})
    assert other.experiment.group == "pair"
    assert other.experiment.id != final.experiment.id
    other.finalize("success")
    assert wandb.run is None


@pytest.mark.parametrize(("status", "code"), [("success", 0), ("failed", 1)])
def test_a_training_ends_its_run_once_with_its_code(
    status: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = training_logger(str(tmp_path), "pair", {})
    codes: list[Any] = []
    finish = logger.experiment.finish
    monkeypatch.setattr(logger.experiment, "finish", lambda exit_code: (codes.append(exit_code), finish(exit_code)))
    logger.finalize(status)
    logger.finalize("success")
    assert codes == [code]
    assert wandb.run is None


def test_an_error_in_a_search_ends_its_run(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken"), search_run(tmp_path, "pair", {}):
        raise RuntimeError("broken")
    assert wandb.run is None


def test_the_service_of_another_process_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb.teardown()
    monkeypatch.setenv("WANDB_SERVICE", f"3-1-unix-{tmp_path / 'gone'}")
    with search_run(tmp_path, "pair", {}) as opened:
        assert opened.run.id == run_id(tmp_path, "search")


@pytest.mark.slow
def test_a_killed_search_leaves_its_run_to_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    script = (
        "import os; from pathlib import Path; from uniads.logger.wandb import search_run\n"
        f"with search_run(Path({str(tmp_path / 'search')!r}), 'pair', {{}}): "
    )
    (tmp_path / "search").mkdir()
    wandb.teardown()
    with search_run(tmp_path, "pair", {}):
        assert os.environ["WANDB_SERVICE"]  # inherited by both
        for end, code in (("os.kill(os.getpid(), 9)", -signal.SIGKILL), ("pass", 0)):
            ended = subprocess.run([sys.executable, "-c", script + end], capture_output=True, text=True, timeout=300)
            assert ended.returncode == code, ended.stderr
