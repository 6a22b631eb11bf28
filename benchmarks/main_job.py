"""python -m benchmarks.main_job: the main search with everything on, against everything off, and where its time goes.

Both run ``python -m uniads.search +pair=wrn40_2-wrn16_2`` from a teacher that is trained already. Off means: no memory
layout, torch's default optimizer, no store of the teacher's answers, every configuration composed by Hydra, one
candidate at a time. The teacher answers in the same precision in both, so that they try the same candidates. The
phases are read off the times of the files that the command writes.
"""

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time

from benchmarks import naive, reporting
from uniads.search.ledger import read

PAIR = "+pair=wrn40_2-wrn16_2"
OFF = "--everything-off"


def run(name: str, overrides: list[str], folder: Path, off: bool) -> reporting.Row:
    """Wall seconds of one search, and of its phases."""
    place = folder / name.replace(" ", "-")
    command = [*overrides, f"paths.teacher_dir={folder / 'teachers'}", f"paths.output_dir={folder}",
               f"hydra.run.dir={place}", *(["launcher=basic"] if off else [])]  # fmt: skip
    start = ["benchmarks.main_job", OFF] if off else ["uniads.search"]
    begin = time()
    with (folder / "output.txt").open("w") as output:
        subprocess.run(
            [sys.executable, "-m", *start, *command], check=True, stdout=output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env=os.environ | {"WANDB_MODE": "offline"},
        )  # fmt: skip
    end = time()
    _, trials = read(place / "ledger.jsonl")
    launched = min((file.stat().st_mtime for file in place.glob("trials/*/started-*")), default=begin)
    searched = (place / "ledger.jsonl").stat().st_mtime
    return {
        "search": name,
        "wall s": end - begin,
        "start and teacher s": launched - begin,
        "rungs s": searched - launched,
        "in trials s": sum(trial.seconds for trial in trials),
        "report and final s": end - searched,
        "trials": len(trials),
    }


def measured(arguments: Namespace, folder: Path) -> list[reporting.Row]:
    """Both searches; the teacher is trained by a search of two candidates before them."""
    short = ["search.population=2", "search.candidates=2", "search.offspring=2"] if arguments.quick else []
    overrides = [PAIR, f"seed={arguments.seed}", *short]
    if arguments.quick:
        overrides += ["search=tiny", "space=tiny", "teacher.recipe.epochs=1", "recipe.epochs=1", "recipe.milestones=[]"]
    first = ["search=tiny", "space=tiny", "search.candidates=2", "final=false"]
    run("the teacher", [*overrides, *[each for each in first if each not in overrides]], folder, off=False)
    both = [run("everything on", overrides, folder, off=False), run("everything off", overrides, folder, off=True)]
    ratio = {key: float(str(both[1][key])) / float(str(both[0][key])) for key in list(both[0])[1:]}
    return [*both, {"search": "off / on", **ratio}]


def searched_without_tricks() -> None:
    """The search command in this process, everything switched off."""
    from uniads.search.__main__ import main as command

    sys.argv = ["uniads.search", *(argument for argument in sys.argv[1:] if argument != OFF)]
    with naive.switched_off():
        command()


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=1, threads=1)
    parser.add_argument("--quick", action="store_true", help="a search of two candidates")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        rows = measured(arguments, Path(folder))
    reporting.show(f"python -m uniads.search {PAIR} seed={arguments.seed}", rows)
    reporting.save("benchmarks.main_job", arguments, rows)


if __name__ == "__main__":
    if OFF in sys.argv:
        searched_without_tricks()
    else:
        main()
