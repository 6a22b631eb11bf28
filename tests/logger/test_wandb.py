"""W&B runs: whose they are, how they end, and that they never stop or delay the work."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest
import wandb

from tests.journey import configured
from tests.logger.server import KEY, serving, silence
from uniads.bridge.training_settings import training_settings
from uniads.logger import wandb as logger_module
from uniads.logger.wandb import (
    Run,
    TrainingLogger,
    choose_mode,
    describe_logging,
    logs_here,
    run_id,
    search_run,
    training_logger,
)

PAIR = ("+pair=resnet56-resnet20", "paths.run_dir=nowhere")
LOGGED = training_settings(configured(*PAIR)).logger
Seen = dict[str, Any]


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """W&B as a new process finds it; its settings stay as they are for as long as its service lives."""
    wandb.teardown()
    monkeypatch.setattr(logger_module, "UNREACHED", [])
    yield monkeypatch
    wandb.teardown()


def look(run: Run) -> Seen:
    """What W&B knows of an open run."""
    seen: Seen = {}
    run.call(lambda run: seen.update(name=run.name, group=run.group, id=run.id, config=dict(run.config)))
    return seen


def test_a_directory_has_one_run_for_good(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert run_id(tmp_path / "a", "search") == run_id(tmp_path / "b" / ".." / "a", "search")
    names = {run_id(tmp_path / place, kind) for place in ("a", "b") for kind in ("search", "training")}
    assert len(names) == 4


def test_a_search_and_its_final_training_are_one_group_and_names_differ(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    with search_run(tmp_path, "pair", "quick", 3, {"a": {"b": 1}}, LOGGED) as opened:
        search = look(opened.run)
    assert search["name"] == "pair quick, seed 3"
    assert search["id"] == run_id(tmp_path, "search")
    assert search["config"] == {"a": {"b": 1}}
    (tmp_path / "ledger.jsonl").touch()
    logger = training_logger(str(tmp_path / "final"), "pair", 4, {}, "kd")
    final = look(logger.run)
    logger.finalize("success")
    other = training_logger(str(tmp_path), "pair", 4, {}, "kd")
    training = look(other.run)
    other.finalize("success")
    assert (final["group"], training["group"]) == (search["group"], "pair")
    assert (final["name"], training["name"]) == ("pair kd final, seed 4", "pair kd, seed 4")
    assert len({seen["id"] for seen in (search, final, training)}) == 3


def test_a_training_is_configured_in_plain_values_with_its_method() -> None:
    settings = training_settings(configured(*PAIR, "distiller=at", "seed=7", "epochs=2"))
    assert settings.logger is not None
    facts = dict(settings.logger.facts)
    assert json.loads(json.dumps(facts["config"])) == facts["config"]
    assert {"recipe", "student", "teacher", "distiller", "data", "trainer", "epochs"} == facts["config"].keys()
    assert "${" not in json.dumps(facts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        logger = settings.logger(method="at")
    assert isinstance(logger, TrainingLogger)
    assert logger.name == "resnet56-resnet20 at, seed 7"
    assert logger.run.config["recipe"] == facts["config"]["recipe"]


@pytest.mark.parametrize(("status", "code"), [("success", 0), ("failed", 1)])
def test_a_training_ends_its_run_once_with_its_code(status: str, code: int, tmp_path: Path) -> None:
    logger = training_logger(str(tmp_path), "pair", 0, {}, "kd")
    codes: list[Any] = []

    def watch(run: Any) -> None:
        finish = run.finish
        run.finish = lambda exit_code: (codes.append(exit_code), finish(exit_code=exit_code))

    logger.run.call(watch)
    logger.finalize(status)
    logger.finalize("success")
    assert codes == [code]


def test_an_error_in_a_search_ends_its_run(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken"), search_run(tmp_path, "pair", "quick", 0, {}, LOGGED):
        raise RuntimeError("broken")


def test_logging_is_off_in_the_ordinary_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("none", "csv"):
        logger = training_settings(configured(*PAIR, f"logger={name}")).logger
        assert not logs_here(logger)
        assert describe_logging(logger).startswith("logging  W&B off")
        with search_run(tmp_path, "pair", "quick", 0, {}, logger) as opened:
            opened.run.log({"x": 1})
    for name, value in (("WANDB_MODE", "disabled"), ("WANDB_DISABLED", "true")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert not logs_here(LOGGED)
            with search_run(tmp_path, "pair", "quick", 0, {}, LOGGED) as opened:
                opened.run.log({"x": 1})
            training = training_logger(str(tmp_path), "pair", 0, {}, "kd")
            training.log_metrics({"x": 1.0}, 1)
            training.finalize("success")
    assert list(tmp_path.iterdir()) == []
    assert logs_here(LOGGED)


def test_without_a_key_or_where_the_mode_says_so_a_run_is_offline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for mode, key, chosen in (
        ("", "", "offline"), ("online", "", "offline"), ("", KEY, "online"), ("online", KEY, "online"),
        ("offline", KEY, "offline"), ("dryrun", KEY, "offline"), ("disabled", KEY, "disabled"),
    ):  # fmt: skip
        monkeypatch.setenv("WANDB_MODE", mode)
        monkeypatch.setenv("WANDB_API_KEY", key)
        assert choose_mode() == chosen, (mode, key)
    monkeypatch.setenv("WANDB_MODE", "")
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for host, base, chosen in (
        ("api.wandb.ai", "", "online"), ("elsewhere.org", "", "offline"),
        ("own.org:80", "http://own.org:80", "online"), ("api.wandb.ai", "http://own.org:80", "offline"),
    ):  # fmt: skip
        (tmp_path / "netrc").write_text(f"machine {host} login user password {KEY}\n")
        monkeypatch.setenv("WANDB_BASE_URL", base)
        assert choose_mode() == chosen, (host, base)


def test_a_server_gets_the_numbers_the_name_and_the_group(
    fresh: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving() as server:
        for name, value in (("WANDB_MODE", ""), ("WANDB_API_KEY", KEY), ("WANDB_BASE_URL", server.address)):
            fresh.setenv(name, value)
        with search_run(tmp_path, "pair", "quick", 5, {"a": 1}, LOGGED) as opened:
            for epochs in (2, 4):
                opened.run.log({"epochs": epochs})
        training = training_logger(str(tmp_path / "other"), "pair", 6, {}, "kd")
        training.log_metrics({"train/loss": 1.5}, 10)
        training.finalize("failed")
    search, other = run_id(tmp_path, "search"), run_id(tmp_path / "other", "training")
    assert server.runs[search]["displayName"] == "pair quick, seed 5"
    assert server.runs[search]["groupName"] == f"pair-{search}"
    assert json.loads(server.runs[search]["config"])["a"]["value"] == 1
    assert [row["epochs"] for row in server.history[search]] == [2, 4]
    assert [(row["train/loss"], row["trainer/global_step"]) for row in server.history[other]] == [(1.5, 10)]
    assert server.ended == {search: 0, other: 1}
    assert "W&B:" not in capfd.readouterr().err


def test_a_silent_server_costs_the_work_no_time_and_is_told_once(
    fresh: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fresh.setattr(logger_module, "OPEN_SECONDS", 1.0)
    with silence() as address:
        for name, value in (("WANDB_MODE", "online"), ("WANDB_API_KEY", KEY), ("WANDB_BASE_URL", address)):
            fresh.setenv(name, value)
        for place in ("a", "b"):
            begin = monotonic()
            run = Run(tmp_path / place, "name", "group", "search", {})
            for number in range(100):
                run.log({"x": number})
            assert monotonic() - begin < 0.5
            run.close(0)
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("W&B:")]
    assert len(told) == 1
    assert "logging offline" in told[0]
    for place in ("a", "b"):
        assert len(list((tmp_path / place / "wandb").glob("offline-run-*/run-*.wandb"))) == 1


def test_a_server_that_goes_away_is_told_and_not_waited_for(
    fresh: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fresh.setattr(logger_module, "UPLOAD_SECONDS", 1.0)
    opened = Event()
    with serving() as server:
        for name, value in (("WANDB_MODE", "online"), ("WANDB_API_KEY", KEY), ("WANDB_BASE_URL", server.address)):
            fresh.setenv(name, value)
        run = Run(tmp_path, "name", "group", "search", {})
        run.call(lambda it: opened.set())
        assert opened.wait(60)
    run.log({"x": 1})
    begin = monotonic()
    run.close(0)
    assert monotonic() - begin < 20
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("W&B:")]
    assert len(told) == 1, told
    assert "`wandb sync` uploads" in told[0]


def _break_directory(directory: Path) -> None:
    (directory / "wandb").write_text("a file in the folder's place")


def _break_service(directory: Path) -> None:
    lists = Path("/proc/self/task").glob("*/children")  # each thread has its own
    children = [child for file in lists for child in file.read_text().split()]
    services = [int(child) for child in children if "wandb-core" in Path(f"/proc/{child}/cmdline").read_text()]
    assert services
    for service in services:
        os.kill(service, signal.SIGKILL)


def _break_log(directory: Path) -> None:
    raise OSError("no space left")


@pytest.mark.parametrize("breaking", [_break_service, _break_log])
def test_what_breaks_in_the_middle_is_told_once_and_the_next_run_is_logged(
    breaking: Callable[[Path], None], fresh: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "a", "name", "group", "search", {})
    run.log({"x": 0})
    run.call(lambda opened: breaking(tmp_path))
    for number in range(100):
        run.log({"x": number})
    run.close(0)
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("W&B:")]
    assert len(told) == 1, told
    assert "'name' goes on without logging" in told[0]
    after = Run(tmp_path / "b", "name", "group", "training", {})
    seen = look(after)
    after.close(0)
    assert seen["name"] == "name"
    assert "W&B:" not in capfd.readouterr().err


def test_the_service_of_another_process_is_not_asked(fresh: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fresh.setenv("WANDB_SERVICE", f"3-1-unix-{tmp_path / 'gone'}")
    with search_run(tmp_path, "pair", "quick", 0, {}, LOGGED) as opened:
        seen = look(opened.run)
    assert seen["id"] == run_id(tmp_path, "search")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silent", "closed", "answering", "file", "home"])
def test_a_search_ends_well_whatever_wandb_does(kind: str, tmp_path: Path) -> None:
    arguments = [
        "+pair=resnet56-resnet20", "search=tiny", "data=fake", "data.train_size=96", "data.test_size=32",
        "data.image_size=[3,8,8]", "model@teacher.model=resnet8", "teacher.recipe.epochs=1",
        "teacher.recipe.milestones=[]", "recipe.epochs=3", "recipe.milestones=[]", "launcher=basic",
        f"hydra.run.dir={tmp_path / 'run'}", f"paths.teacher_dir={tmp_path}",
    ]  # fmt: skip
    (tmp_path / "run").mkdir()
    with serving() as server, silence() as address:
        where = {"silent": address, "closed": "http://127.0.0.1:9", "answering": server.address}
        env = {**os.environ, "WANDB_MODE": "", "PYTHONPATH": os.getcwd()}
        if kind in where:
            env |= {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": where[kind]}
        if kind == "file":
            _break_directory(tmp_path / "run")
        if kind == "home":
            env |= {"HOME": "/proc/1"}
            for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
                env.pop(name, None)
        command = [sys.executable, "-m", "uniads.search", *arguments]
        ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "run/final/student.pt").exists()
    assert "Traceback" not in ended.stderr
    told = [line for line in ended.stderr.splitlines() if line.startswith("W&B:")]
    assert len(told) <= 2, told
    if kind in ("silent", "closed"):
        assert len(told) == 1
        assert "logging offline" in told[0]
    if kind == "answering":
        search = run_id(tmp_path / "run", "search")
        assert server.runs[search]["displayName"] == "resnet56-resnet20 tiny, seed 0"
        assert [row["epochs"] for row in server.history[search] if "epochs" in row] == [2, 3, 5, 6]
        final = run_id(tmp_path / "run/final", "training")
        assert server.runs[final]["groupName"] == server.runs[search]["groupName"]
        assert server.ended[final] == 0


@pytest.mark.slow
def test_a_killed_search_leaves_its_run_to_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    script = (
        "import os; from pathlib import Path; from threading import Event; from uniads.logger.wandb import Run\n"
        f"run = Run(Path({str(tmp_path / 'search')!r}), 'name', 'group', 'search', {{}}); ready = Event()\n"
        "run.call(lambda opened: ready.set()); assert ready.wait(200)\n"
    )
    (tmp_path / "search").mkdir()
    wandb.teardown()
    with search_run(tmp_path, "pair", "quick", 0, {}, LOGGED) as opened:
        look(opened.run)
        for end, code in (("os.kill(os.getpid(), 9)", -signal.SIGKILL), ("run.close(0)", 0)):
            ended = subprocess.run([sys.executable, "-c", script + end], capture_output=True, text=True, timeout=300)
            assert ended.returncode == code, ended.stderr
            assert "W&B:" not in ended.stderr
