"""Every example runs as its docstring says, offline and in seconds, and prints what it promises."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra

from tests.journey import LIGHTNING, Commands
from uniads import options, train

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))
OWN = sorted(EXAMPLES.glob("own_*/*.py"))
PRINTS = {
    "plain_loop": r"teacher: 0\.\d+\nstudent: 0\.[4-9]\d+ with 0\.1 \* cross-entropy \+ 0\.9 \* 4² \* KL",
    "lightning_trainer": r"teacher: accuracy 0\.[5-9]\d+, loss .*\n(.*\n)*student: accuracy 0\.[2-9]\d+, loss ",
    "published_loss": r"kd: \{'logits': [\d.]+\}\ndist: \{'inter'.*\n(.*\n)*cc: .* adapters of 12544 parameters\n",
    "fit_from_python": r"kd: student 7\d,\d{3} parameters, test accuracy 0\.\d+, teacher.*\ndist: student 7\d,\d{3} ",
    "search_function": r"40 of 64 candidates tried in \d+ epochs\n( *[\d,]+ parameters, loss \d\.\d+: \{.*\}\n)+",
    "diswot_score": r"(resnet\d+ x [\d.]+: -0\.\d+\n){6}",
    "replay_ledger": r"466 trials of .*\nRandom: \d+ epochs replayed; best: val_loss .*\nNSGA2: \d+ epochs replayed; ",
}
"""For each example what it prints."""

SHORT = (
    "model@teacher.model=resnet8", "data.fraction=0.5", "chance=null", "callback=none", "logger=csv",
    "hydra.run.dir=run", "recipe.epochs=1", "recipe.milestones=[]",
    "teacher.recipe.epochs=1", "teacher.recipe.milestones=[]",
)  # fmt: skip
"""What makes a command's training short."""

pytestmark = LIGHTNING


def test_there_are_as_many_examples_as_are_run() -> None:
    assert {file.stem for file in FILES} == set(PRINTS)
    assert len(FILES) == 7
    assert [file.parent.name for file in OWN] == ["own_data", "own_distance", "own_network", "own_transform"]


@pytest.mark.parametrize("file", [*FILES, *OWN], ids=lambda file: file.stem)
def test_an_example_is_short_and_says_how_to_run_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert 20 <= len(text.splitlines()) <= 80
    name = file.name if file in OWN else f"examples/{file.name}"
    assert f"\n    python {name}\n" in text.split('"""')[1]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_prints_what_it_promises(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(file), run_name="__main__")
    printed = capsys.readouterr().out
    assert re.search(PRINTS[file.stem], printed), printed
    assert [each.name for each in tmp_path.iterdir()] in ([], ["checkpoints"]), "an example leaves nothing behind"


def test_a_function_is_searched_without_torch() -> None:
    run = f"import runpy, sys; runpy.run_path({str(EXAMPLES / 'search_function.py')!r}, run_name='__main__')"
    code = f"{run}; print('loaded', {{'torch', 'hydra'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded set()"


def test_a_training_is_fitted_inside_another_hydra_application(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    distill = runpy.run_path(str(EXAMPLES / "fit_from_python.py"))["distill"]
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "app.yaml").write_text("method: kd\n")
    outcomes = []

    @hydra.main(config_path=str(tmp_path / "conf"), config_name="app", version_base="1.3")
    def application(cfg: object) -> None:
        outcomes.append(distill(cfg.method, str(tmp_path / "runs")))  # type: ignore[attr-defined]
        assert GlobalHydra.instance().is_initialized(), "the application goes on as it was"

    monkeypatch.setattr(sys, "argv", ["app", f"hydra.run.dir={tmp_path / 'app'}"])
    application()
    assert outcomes[0].rejected is None
    assert 0 < outcomes[0].test_acc1_last <= 1
    assert (tmp_path / "runs" / "kd" / "student.pt").exists()


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.parent.name)
def test_a_part_of_ones_own_keeps_its_promises_and_trains_by_its_command(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(file.parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    runpy.run_path(file.name, run_name="__main__")
    assert re.search(r"^\w+ keeps all promises of a \w+", capsys.readouterr().out)

    text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    (command,) = re.findall(r"^    python -m uniads\.train (.*)$", text, re.M)
    student = () if "model@student" in command else ("model@student=resnet8",)
    ended = Commands(monkeypatch, capsys)(train.main, *shlex.split(command), *SHORT, *student)
    assert ended.code == 0, ended.error
    assert (tmp_path / "run" / "student.pt").exists()
    part, written = file.stem, (tmp_path / "run" / ".hydra" / "config.yaml").read_text(encoding="utf-8")
    assert f"_target_: {part}." in written
    (group,) = (folder.name for folder in (file.parent / "conf").iterdir())
    assert part not in options(group), "the package knows nothing of it"
