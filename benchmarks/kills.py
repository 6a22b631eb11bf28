"""python -m benchmarks.kills --json benchmarks/results/kills.json: kills commands at random moments, and goes on.

Each row is one kill: of a search while its teacher trains, on a rung, at a promotion, while its report is written or
its final student trains, with every launcher and schedule; of a single training; of an export. The same command then
goes on. A row says whether the result is that of a command that nobody killed, whether anything was evaluated twice,
and how many processes were left ten seconds after the kill. Rows are kept as
they come: the same command goes on after the last.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, product
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

from benchmarks import reporting
from uniads.model import checkpoint
from uniads.model.weights import hash_contents

MARK = "UNIADS_KILLED"
"""An environment variable that all processes of one command inherit."""
GONE = 10.0
"""Seconds after a kill in which its processes have to be gone."""
NETWORKS = (
    "+pair=resnet56-resnet20", "model@teacher.model=resnet14", "model@student=resnet8", "data=fake",
    "data.num_classes=4", "data.image_size=[1,8,8]", "data.train_size=320", "data.test_size=40", "data.noise=4",
    "data.padding=1", "data.flip=false", "recipe.batch_size=16", "recipe.epochs=3", "recipe.milestones=[2]",
    "teacher.recipe.batch_size=16", "teacher.recipe.epochs=8", "callback=none", "logger=none",
)  # fmt: skip
SPACE = "space.dimensions={student.blocks.0:[1,2],student.width:[0.5,1],distance@distiller.logits.distance:[kl,l2]}"
SEARCH = ("-m", "uniads.search", *NETWORKS, "search=tiny", SPACE, "paths.teacher_dir=teachers", "hydra.run.dir=run")
TRAIN = ("-m", "uniads.train", *NETWORKS, "paths.teacher_dir=teachers", "hydra.run.dir=run")
EXPORT = ("-m", "uniads.export", "ledger=run/ledger.jsonl", "storage=sqlite:///optuna.db", "name=search")
LAUNCHERS = ("basic", "pool", "joblib", "submitit")
SCHEDULES = {
    "halving": (),
    "full": ("schedule@search.schedule=full", "search.schedule.epochs=2"),
    "hyperband": ("schedule@search.schedule=hyperband", "search.schedule.epochs=3", "search.schedule.eta=3"),
}
PHASES: dict[str, Callable[[Path], bool]] = {
    "start": lambda place: True,
    "teacher": lambda place: any(place.glob("teachers/*.ckpt")),
    "rung": lambda place: any(place.glob("run/trials/*/started-*")),
    "promotion": lambda place: count_rows(place) >= 2,
    "later": lambda place: count_rows(place) >= 4,
    "report": lambda place: (place / "run" / "best.sh").exists(),
    "final": lambda place: (place / "run" / "final" / "last.ckpt").exists(),
}
"""When a command is in a phase, by what lies in its directory."""


@dataclass(frozen=True)
class Kill:
    """One kill.

    Attributes:
        command: ``search``, ``train`` or ``export``.
        launcher: of the search.
        schedule: of the search.
        phase: what had begun when it was killed.
        name: of the signal.
    """

    command: str
    launcher: str
    schedule: str
    phase: str
    name: str

    @property
    def arguments(self) -> list[str]:
        """Of the interpreter."""
        if self.command == "search":
            return [*SEARCH, f"launcher={self.launcher}", *SCHEDULES[self.schedule]]
        return [*(TRAIN if self.command == "train" else EXPORT)]


def count_rows(place: Path) -> int:
    """Trials in a search's ledger."""
    ledger = place / "run" / "ledger.jsonl"
    return ledger.read_bytes().count(b'"row": "trial"') if ledger.exists() else 0


def list_kills() -> Iterator[Kill]:
    """Kills without end: every launcher, schedule and phase in turn, trainings and exports between them."""
    names = cycle(("SIGKILL", "SIGKILL", "SIGINT", "SIGTERM"))
    searches = cycle(product(PHASES, LAUNCHERS, SCHEDULES))
    for number in range(sys.maxsize):
        if number % 10 == 8:
            yield Kill("train", "", "", ("start", "teacher", "final")[number // 10 % 3], next(names))
        elif number % 10 == 9:
            yield Kill("export", "", "", "start", next(names))
        else:
            phase, launcher, schedule = next(searches)
            yield Kill("search", launcher, schedule, phase, next(names))


def run(arguments: list[str], place: Path) -> None:
    """Run a command to its end.

    Raises:
        CalledProcessError: it failed.
    """
    with (place / "output.txt").open("a") as output:
        subprocess.run(
            [sys.executable, *arguments], cwd=place, check=True, stdout=output, stderr=output, env=environment("")
        )


def environment(mark: str) -> dict[str, str]:
    """This process's environment, marked."""
    return os.environ | {"PYTHONPATH": os.getcwd(), MARK: mark}


def kill(case: Kill, place: Path, wait: float) -> tuple[bool, int]:
    """Start a command and kill it. Returns whether it was alive then, and the processes left after a while."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    begun = {"train": {"final": "run/last.ckpt"}}.get(case.command, {}).get(case.phase)
    with (place / "output.txt").open("a") as output:
        process = subprocess.Popen(
            [sys.executable, *case.arguments], cwd=place, stdout=output, stderr=output, env=environment(mark)
        )
        while process.poll() is None and not ((place / begun).exists() if begun else PHASES[case.phase](place)):
            time.sleep(0.01)
        time.sleep(wait)
        alive = process.poll() is None
        process.send_signal(getattr(signal, case.name))
        process.wait()
    end = time.monotonic() + GONE
    while (left := count_processes(mark)) and time.monotonic() < end:
        time.sleep(0.1)
    return alive, left


def count_processes(mark: str) -> int:
    """Processes that inherited a mark."""
    found = 0
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += f"{MARK}={mark}".encode() in file.read_bytes().split(b"\0")
        except OSError:
            continue
    return found


def read_result(place: Path) -> dict[str, Any]:
    """What a command left, without what a clock says."""
    result: dict[str, Any] = {}
    if (place / "run" / "ledger.jsonl").exists():
        rows = [json.loads(line) for line in (place / "run" / "ledger.jsonl").read_text().splitlines()[1:]]
        result["rows"] = [without_seconds(row) for row in rows]
    for name in ("run/outcome.json", "run/final/outcome.json"):
        if (place / name).exists():
            result[name] = without_seconds(json.loads((place / name).read_text()))
    for name in ("run/student.pt", "run/final/student.pt"):
        if (place / name).exists():
            saved = checkpoint.read(place / name)
            result[name] = hash_contents(saved.pop("model"), saved)  # the file itself holds its writer's number
    if (place / "optuna.db").exists():
        with sqlite3.connect(place / "optuna.db") as base:
            query = (
                "SELECT study_id, number, value FROM trials JOIN trial_values USING (trial_id) ORDER BY 1, 2, objective"
            )
            result["optuna"] = base.execute(query).fetchall()
    return result


def without_seconds(row: dict[str, Any]) -> dict[str, Any]:
    """A row without its times."""
    return {
        name: without_seconds(value) if isinstance(value, dict) else value
        for name, value in row.items()
        if name != "seconds"
    }


def count_twice(place: Path) -> int:
    """Trials that stand in the ledger more than once."""
    rows = read_result(place).get("rows", [])
    slots = [(row["candidate"], row["rung"]) for row in rows if row["row"] == "trial"]
    return len(slots) - len(set(slots))


def measure(case: Kill, number: int, seed: int, folder: Path) -> reporting.Row:
    """Kill a command once, go on with it, and compare what it left with that of one that nobody killed."""
    calm = folder / f"calm-{case.command}-{case.schedule}"
    if not calm.exists():
        prepare(case, calm, folder)
        run(case.arguments if case.command != "search" else [*SEARCH, *SCHEDULES[case.schedule]], calm)
    place = folder / "killed"
    rmtree(place, ignore_errors=True)
    prepare(case, place, folder)
    alive, left = kill(case, place, random.Random(seed + number).uniform(0, 1.5))
    run(case.arguments, place)
    same = read_result(place) == read_result(calm)
    return {"number": number, **asdict(case), "alive": alive, "left": left, "same": same, "twice": count_twice(place)}


def prepare(case: Kill, place: Path, folder: Path) -> None:
    """An empty directory; for an export one with a search that has ended."""
    if case.command == "export":
        searched = folder / "calm-search-halving"
        if not searched.exists():
            searched.mkdir()
            run([*SEARCH], searched)
        copytree(searched, place)
    else:
        place.mkdir()


def main() -> None:
    """Kill, compare, write."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="kills in all, those of earlier runs included")
    parser.add_argument("--first", type=int, default=0, help="number of the first, so that several can share the work")
    parser.add_argument("--seed", type=int, default=0, help="of the moments, up to 1.5 s after a phase begins")
    parser.add_argument("--folder", type=Path, default=Path("build/kills"), help="where the commands run")
    parser.add_argument("--json", type=Path, help="where the rows are kept")
    arguments = parser.parse_args()
    arguments.folder = arguments.folder.resolve()
    rows: list[reporting.Row] = reporting.resume(arguments, "kills", "first").get("rows", [])
    rmtree(arguments.folder, ignore_errors=True)
    arguments.folder.mkdir(parents=True)
    done = {row["number"] for row in rows}
    for number, case in zip(range(arguments.kills), list_kills(), strict=False):
        if number >= arguments.first and number not in done:
            rows.append(measure(case, number, arguments.seed, arguments.folder))
            reporting.save("benchmarks.kills", arguments, rows)
    bad = [row for row in rows if row["left"] or not row["same"] or row["twice"]]
    reporting.show(
        f"{len(rows)} kills, {sum(bool(row['alive']) for row in rows)} of running commands", bad or rows[-5:]
    )


if __name__ == "__main__":
    main()
