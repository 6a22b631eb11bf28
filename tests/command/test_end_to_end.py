"""A whole search on small networks: what it leaves behind, again, after a kill, and pasted back."""

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from markupsafe import escape

from tests.journey import LIGHTNING, SMALL, Commands, Ended
from uniads import evaluate, options, train
from uniads.learner.precision import dtype_name, fast_dtype
from uniads.model import checkpoint
from uniads.report import __main__ as report
from uniads.search import __main__ as search

pytestmark = LIGHTNING
SPACE = "space.dimensions={student.blocks.0:[1,2],student.width:[0.5,1],distance@distiller.logits.distance:[kl,l2]}"


class Search:
    """One search in a folder of its own; the teacher is shared by all searches of this file."""

    def __init__(self, command: Commands, folder: Path, teachers: Path) -> None:
        self.command, self.folder, self.teachers = command, folder, teachers

    def __call__(self, name: str, *overrides: str) -> Ended:
        places = (f"paths.teacher_dir={self.teachers}", f"hydra.run.dir={self.folder / name}")
        return self.command(
            search.main,
            *SMALL,
            "recipe.epochs=2",
            "search=tiny",
            "space=tiny",
            SPACE,
            "launcher=basic",
            "report=false",
            *places,
            *overrides,
        )

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The ledger without what a clock says."""
        rows = [json.loads(line) for line in (self.folder / name / "ledger.jsonl").read_text().splitlines()]
        for row in rows:
            row.pop("seconds", None)
            row.get("outcome", {}).pop("seconds", None)
        return rows


@pytest.fixture
def searched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Search:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    return Search(Commands(monkeypatch, capsys), tmp_path, tmp_path_factory.getbasetemp() / "teachers")


def test_a_search_leaves_everything_and_its_best_command_repeats_it(searched: Search) -> None:
    ended = searched("run", "report=true")
    assert ended.code == 0, ended.error
    run = searched.folder / "run"
    page = (run / "report.html").read_text()
    assert escape((run / "best.sh").read_text().strip()) in page
    assert "with the final training" in page
    assert "loss = " in page
    assert searched.command(report.main, f"directory={run}").code == 0
    assert (run / "report.html").read_text() == page
    studies = optuna.get_all_study_summaries(f"sqlite:///{run / 'optuna.db'}")
    assert [study.n_trials for study in studies] == [4, 2]
    for name in ("ledger.jsonl", "trials.csv", "front.csv", "pareto.png", "pareto.svg", "best.sh", "final/student.pt"):
        assert (run / name).stat().st_size > 0, name
    assert not (run / "teacher_store").exists()
    opening = ended.out.splitlines()
    assert opening[0].startswith("data     Fake: 1x8x8 images of 4 classes, 288 to train on, 32 held out")
    assert f"another set: data={'|'.join(options('data'))}" in opening[1]
    starts = [line[:9].strip() for line in opening[2:] if line[:1] not in ("", " ")]
    assert starts[:6] == ["pair", "space", "budget", "logging", "stop it a", "plan"]
    assert any(line.startswith("teacher  ResNet: 174,580 parameters, validation accuracy ") for line in opening)

    header, *rows = searched.rows("run")
    assert header["row"] == "header"
    trials = [row for row in rows if row["row"] == "trial"]
    assert {
        "candidate",
        "genome",
        "overrides",
        "rung",
        "epochs",
        "seed",
        "status",
        "reason",
        "outcome",
        "flops",
    } <= set(trials[0])
    assert len({trial["candidate"] for trial in trials}) == 4
    assert [trial["epochs"] for trial in trials] == [1, 1, 2, 1, 1, 2]
    assert not any("test_acc1" in name for trial in trials for name in trial["outcome"])

    front = list(csv.DictReader((run / "front.csv").read_text().splitlines()))
    assert front
    top = {
        trial["candidate"]: trial["outcome"]
        for trial in trials
        if trial["rung"] == 1 and trial["status"] == "completed"
    }
    assert all(float(row["val_loss"]) == top[row["candidate"]]["val_loss"] for row in front)

    final = json.loads((run / "final" / "outcome.json").read_text())
    assert final["test_acc1_last"] is not None
    assert final["val_loss"] is None, "the whole training set was trained on"

    fast = dtype_name(fast_dtype(torch.device("cpu")))
    assert f"dtype={fast}" in json.loads((run / "ledger.jsonl").read_text().splitlines()[0])["fingerprint"]["overrides"]
    assert "dtype" not in checkpoint.read(run / "final" / "student.pt")["identity"], "it is trained in float32"

    kept = {file: file.read_bytes() for file in searched.teachers.glob("*.pt")}
    program, _, module, *overrides = shlex.split((run / "best.sh").read_text())
    assert (program, module) == ("python", "uniads.train")
    again = searched.command(train.main, *overrides, f"hydra.run.dir={searched.folder / 'again'}")
    assert again.code == 0, again.error
    repeated = json.loads((searched.folder / "again" / "outcome.json").read_text())
    best = next(row["candidate"] for row in front if row["candidate"] in again_name(ended))
    assert repeated["val_loss"] == top[best]["val_loss"]
    assert repeated["val_acc1"] == top[best]["val_acc1"]
    assert repeated["test_acc1_last"] is None
    assert {file: file.read_bytes() for file in searched.teachers.glob("*.pt")} == kept


def again_name(ended: Ended) -> str:
    """The line that names the best candidate."""
    return next(line for line in ended.out.splitlines() if line.startswith("train c"))


def test_one_seed_one_ledger_also_after_kills(searched: Search) -> None:
    for name in ("whole", "cut"):
        assert searched(name, "final=false").code == 0
    assert [row | {"fingerprint": None} for row in searched.rows("whole")] == [
        row | {"fingerprint": None} for row in searched.rows("cut")
    ]
    file = searched.folder / "cut" / "ledger.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    for whole in (2, len(lines) - 1):
        file.write_bytes(b"".join(lines[:whole]) + lines[whole][:10])
        # As if killed after the last checkpoint was written and before its answer was.
        for answer in (searched.folder / "cut").glob("trials/*/answer-2.json"):
            answer.unlink()
        assert searched("cut", "final=false").code == 0
        assert searched.rows("cut") == searched.rows("cut")[:1] + searched.rows("whole")[1:]


def test_a_damaged_ledger_is_refused_with_the_line(searched: Search) -> None:
    assert searched("run", "final=false", "search.candidates=2").code == 0
    file = searched.folder / "run" / "ledger.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1][:20] + b"\n" + b"".join(lines[2:]))
    damaged = file.read_bytes()
    ended = searched("run", "final=false", "search.candidates=2")
    assert ended.code == 1
    assert "line 2 is damaged" in ended.error
    assert "Traceback" not in ended.out + ended.error
    assert file.read_bytes() == damaged


@pytest.mark.slow
def test_launchers_write_the_same_ledger(searched: Search) -> None:
    assert searched("basic", "final=false").code == 0
    assert searched("joblib", "final=false", "launcher=joblib").code == 0
    assert searched.rows("basic")[1:] == searched.rows("joblib")[1:]


def test_a_training_is_evaluated_to_what_it_reported(searched: Search) -> None:
    run = searched.folder / "run"
    places = (f"paths.teacher_dir={searched.teachers}", f"hydra.run.dir={run}")
    assert searched.command(train.main, *SMALL, *places).code == 0
    outcome = json.loads((run / "outcome.json").read_text())
    for part, accuracy in (("val", outcome["val_acc1"]), ("test", outcome["test_acc1_last"])):
        data = [override for override in SMALL if override.startswith("data")]
        ended = searched.command(evaluate.main, *data, f"checkpoint={run / 'student.pt'}", f"part={part}")
        assert ended.code == 0, ended.error
        assert f"{part} accuracy {accuracy:.2%}" in ended.out
