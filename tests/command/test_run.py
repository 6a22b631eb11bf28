"""A user's mistake ends in one sentence: no stack trace, exit code 1, and nothing trained."""

import getpass
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

import uniads
from tests.journey import LIGHTNING, RECORDED, SMALL, Commands, refused
from uniads import evaluate, train
from uniads.command.run import run_task
from uniads.search import __main__ as search
from uniads.search.ledger import Ledger, read

pytestmark = LIGHTNING
PAIR = "+pair=resnet56-resnet20"
TINY = (*SMALL, "search=tiny", "space=tiny", "launcher=basic", "final=false", "student.width=1")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ((), ["is not chosen", "+pair="]),
        ((PAIR, "distiller=kdd"), ["kdd", "Did you mean kd"]),
        (("+pair=resnet56-resnet21",), ["resnet56-resnet21", "Did you mean resnet56-resnet20"]),
        ((PAIR, "data=digit"), ["digit", "Did you mean digits?"]),
        ((PAIR, "recipe.epoch=3"), ["epoch", "Did you mean epochs?"]),
        ((PAIR, "epochs=0"), ["epochs must be a whole number above 0, got 0"]),
        ((PAIR, "recipe.epochs=0"), ["epochs", "above 0", "0"]),
        ((PAIR, "recipe.epochs=-3"), ["epochs", "above 0", "-3"]),
        ((PAIR, "recipe.lr=0"), ["recipe.lr must be a number above 0, got 0"]),
        ((PAIR, "recipe.batch_size=0"), ["batch_size", "got 0"]),
        ((PAIR, "distiller.logits.weight=-1"), ["distiller.logits", "weight", "0 or more", "got -1"]),
        ((PAIR, "distiller.logits.weight=nan"), ["distiller.logits", "weight", "finite", "got nan"]),
        ((PAIR, "distiller.logits.tau=0"), ["distiller.logits", "tau must be above 0", "got 0"]),
        ((PAIR, "distiller.logits.tau=-4"), ["distiller.logits", "tau must be above 0", "got -4"]),
        ((PAIR, "data.fraction=0"), ["data.fraction must be a number above 0 and at most 1, got 0"]),
        ((PAIR, "data.val_fraction=1"), ["val_fraction", "below 1"]),
        ((PAIR, "teacher.train=false"), ["the teacher has no weights", "teacher.checkpoint=FILE"]),
        ((PAIR, "teacher.checkpoint=none.pt"), ["no checkpoint at none.pt"]),
        ((PAIR, "data=cifar100", "data.download=false"), ["CIFAR-100 is missing", "UNIADS_DATA"]),
        ((PAIR, "student.width=0"), ["student", "width is 0", "positive"]),
    ],
)  # fmt: skip
def test_a_training_that_makes_no_sense_is_refused(
    overrides: tuple[str, ...], words: list[str], command: Commands
) -> None:
    refused(command(train.main, *overrides, "callback=none", "logger=csv"), *words)
    assert not list(Path().rglob("*.pt")), "something was trained before the mistake was found"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("main", [train.main, search.main])
def test_a_gpu_that_is_not_there_is_missed_in_a_sentence(main: Callable[[], None], command: Commands) -> None:
    refused(command(main, *SMALL, "trainer.accelerator=gpu"), "asks for a GPU, and there is none; use auto or cpu")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("search.population=5",), ["search.population=5", "search.candidates=4"]),
        (("search.rungs=[2,2]",), ["search.rungs must be a list of epochs above 0 that rise strictly", "got [2, 2]"]),
        (("search.rungs=[0,2]",), ["search.rungs must be a list of epochs above 0", "got [0, 2]"]),
        (("search.quotas=[1,2]",), ["quotas", "never rising"]),
        (("search.population=0",), ["search.population must be a whole number of at least 2, got 0"]),
        (("space.dimensions={student.blocks.0:[]}",), ["student.blocks.0", "no value"]),
        (("space.dimensions={student.blocks.0:[1],distance@distiller.logits.distance:[kl]}",), ["one point"]),
        (("space.dimensions={student.blocks.0:[1,1,2]}",), ["twice"]),
        (("space.dimensions={student.deepness:[1,2]}",), ["deepness"]),
        (
            ("space.dimensions={distance@distiller.logits.distance:[kll,l2]}",),
            ["no distance 'kll'", "Did you mean kl?"],
        ),
        (("space.dimensions={distanc@distiller.logits.distance:[kl,l2]}",), ["distanc"]),
        (("search.max_params=-1",), ["search.max_params", "above 0", "-1"]),
        (("search.candidates=0",), ["search.candidates", "0"]),
        (("search.max_epochs=0",), ["search.max_epochs must be a number above 0, or null for no limit, got 0"]),
        (("search.max_seconds=-1",), ["search.max_seconds must be a number above 0, or null for no limit, got -1"]),
        (("search.max_failures=2",), ["search.max_failures must be a number from 0 to 1, got 2"]),
        (("search.crossover=1.5",), ["search.crossover must be a number from 0 to 1, got 1.5"]),
        (("search.rejection.mad_factor=0",), ["mad_factor must be above 0, got 0"]),
        (("search.shrinkage.floor=0",), ["floor must be above 0", "got 0"]),
        (("launcher=pool", "hydra.launcher.n_jobs=0"), ["hydra.launcher.n_jobs must be 1 or more, got 0"]),
        (("launcher=pool", "hydra.launcher.timeout=0"), ["hydra.launcher.timeout", "above 0", "got 0"]),
        (("launcher=pol",), ["pol", "Did you mean pool?"]),
        (("space=tinny",), ["tinny", "Did you mean tiny?"]),
        (("algorithm@search.algorithm=nsga3",), ["nsga3", "nsga2"]),
        (("teacher.train=false",), ["the teacher has no weights"]),
    ],
)  # fmt: skip
def test_a_search_that_makes_no_sense_is_refused(
    overrides: tuple[str, ...], words: list[str], command: Commands
) -> None:
    # A teacher can't be trained there: what is wrong with a search is found earlier.
    nowhere = () if "teacher.train=false" in overrides else ("paths.teacher_dir=/dev/null/teachers",)
    refused(command(search.main, *TINY, *nowhere, *overrides), *words)
    assert not list(Path().rglob("answer-*.json"))


@pytest.mark.skipif(find_spec("hydra_plugins.hydra_ray_launcher") is not None, reason="Ray is installed")
def test_a_launcher_that_is_not_installed_is_named_with_its_extra(command: Commands) -> None:
    refused(command(search.main, *TINY, "launcher=ray"), "hydra/launcher 'ray'", "pip install 'uniads[ray]'")


def test_the_pool_is_for_searches(command: Commands) -> None:
    refused(command(train.main, "-m", *SMALL, "launcher=pool", "seed=0,1"), "launcher=pool is for searches", "joblib")


def test_two_searches_do_not_share_a_directory(
    command: Commands, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"
    running = Ledger(tmp_path / "run" / "ledger.jsonl", {})
    try:
        ended = command(search.main, *TINY, shared, f"hydra.run.dir={tmp_path / 'run'}")
    finally:
        running.close()
    refused(ended, "another search is running in", "hydra.run.dir=DIR")


def test_another_searchs_directory_is_refused(
    command: Commands, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"
    Ledger(tmp_path / "run" / "ledger.jsonl", {"seed": 99}).close()
    refused(
        command(search.main, *TINY, shared, f"hydra.run.dir={tmp_path / 'run'}"),
        "belongs to another search", "search.force=true",
    )  # fmt: skip


def test_a_search_with_a_prior_draws_published_distillers(command: Commands, tmp_path: Path) -> None:
    small = (*SMALL, "search=tiny", "search.candidates=10", "launcher=basic", "final=false")
    small = (*small, "report=false", "search.algorithm.guide=null")
    ended = command(search.main, *small, "space=balanced", "search.prior=1", f"hydra.run.dir={tmp_path / 'run'}")
    assert ended.code == 0, ended.error
    drawn = [trial.overrides for trial in read(tmp_path / "run" / "ledger.jsonl")[1] if trial.rung == 0]
    published = [overrides for overrides in drawn[2:] if not overrides[0].startswith("distiller=balanced")]
    assert published, drawn


def test_a_search_with_a_prior_goes_on_with_its_own_centres_only(command: Commands, tmp_path: Path) -> None:
    asked = (
        "+pair=resnet56-resnet20", "space=paper", "search.objective=replay", f"search.ledger={RECORDED}",
        "search.candidates=4", "search.population=4", "search.offspring=4", "search.quotas=[4,2,1]", "report=false",
        "search.prior=0.5", f"hydra.run.dir={tmp_path / 'run'}",
    )  # fmt: skip
    ended = command(search.main, *asked, "+space.centres.mine={distiller.logits.tau: 8}")
    assert ended.code == 0, ended.error
    refused(
        command(search.main, *asked, "+space.centres.mine={distiller.logits.tau: 4}"),
        "belongs to another search: its centres is {'mine': {'distiller.logits.tau': 8}}",
    )


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ((), ["no checkpoint is given", "checkpoint=FILE"]),
        (("checkpoint=none.pt",), ["no checkpoint at none.pt"]),
        (("checkpoint=none.pt", "part=train"), ["part must be val or test, got 'train'"]),
    ],
)
def test_an_evaluation_that_makes_no_sense_is_refused(
    overrides: tuple[str, ...], words: list[str], command: Commands
) -> None:
    refused(command(evaluate.main, *overrides), *words)


def test_a_second_command_in_one_process_knows_nothing_of_the_first(command: Commands) -> None:
    refused(command(train.main, PAIR, "epochs=0", "callback=none", "logger=csv"), "epochs must")
    refused(command(train.main, PAIR, "recipe.lr=0", "callback=none", "logger=csv"), "recipe.lr")
    ended = command(train.main, "--cfg", "job", PAIR)
    assert ended.code == 0
    assert not ended.error


def test_no_command_loads_torch_before_its_configuration_is_known() -> None:
    modules = [
        "uniads.train", "uniads.search.__main__", "uniads.evaluate", "uniads.report.__main__", "uniads.compare",
        "uniads.sweep", "uniads.export",
    ]  # fmt: skip
    code = f"import sys, {', '.join(modules)}; print({{'torch', 'pytorch_lightning', 'wandb'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
    commands = [file for file in Path(uniads.__file__).parent.rglob("*.py") if '\n    start("' in file.read_text()]
    assert len(commands) == len(modules)


@pytest.mark.parametrize("name", ["search", "train"])
def test_a_command_without_a_pair_is_answered_before_torch_is_loaded(name: str, tmp_path: Path) -> None:
    code = (
        f"import sys\nfrom uniads.entry import start\nsys.argv = ['x', 'hydra.run.dir=.']\n"
        f"try: start({name!r})\nexcept SystemExit as end: print('torch' in sys.modules, end.code)"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path)
    assert ended.stdout.startswith("False error: student is not chosen; add a pair of networks, such as +pair=")


def test_ctrl_c_in_a_callback_of_the_interpreter_is_neither_lost_nor_shown(command: Commands) -> None:
    def interrupted(cfg: DictConfig) -> None:
        thing = {cfg.directory}
        called = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
        del thing
        assert called() is None
        time.sleep(10)

    ended = command(lambda: run_task("report", interrupted))
    assert (ended.code, ended.error) == (1, "interrupted")


def test_a_user_without_a_name_gets_one_before_torch_asks(command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    nobody = 4_000_000_000
    monkeypatch.setattr(os, "getuid", lambda: nobody)
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    command(train.main, "--cfg", "job", PAIR)
    assert getpass.getuser() == f"uid-{nobody}"


@pytest.mark.slow
def test_a_search_runs_in_a_cluster_job_and_in_its_run_directory(tmp_path: Path) -> None:
    environment = os.environ | {"SLURM_NTASKS": "2", "SLURM_JOB_NAME": "job", "SLURM_NTASKS_PER_NODE": "2"}
    arguments = [*SMALL, "search=tiny", "space=tiny", "hydra.job.chdir=true", f"hydra.run.dir={tmp_path / 'run'}"]
    ended = subprocess.run(
        [sys.executable, "-m", "uniads.search", *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "run" / "final" / "student.pt").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["run"], "everything is where the run is"
