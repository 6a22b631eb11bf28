"""python -m benchmarks.scaling: wall time of a search with more candidates and with more workers.

Small searches on digits, run as a user runs them, from a teacher that is trained already. What is paid once and what
each candidate adds are the line through the sizes; ``speed-up`` is against one worker with as many candidates.
"""

from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import reporting
from benchmarks.main_job import run

SMALL = [
    "+model@student=resnet8", "+model@teacher.model=resnet8", "teacher.recipe.epochs=1", "search=tiny",
    "space=architecture", "final=false",
]  # fmt: skip


def rows(arguments: Namespace, folder: Path) -> list[reporting.Row]:
    """One row for each number of candidates and of workers."""
    run("the teacher", [*SMALL, "search.candidates=2"], folder, off=False)
    found: list[reporting.Row] = []
    alone: dict[int, float] = {}
    for workers in arguments.workers:
        for candidates in arguments.candidates:
            launcher = ["launcher=basic"] if workers == 1 else [f"hydra.launcher.n_jobs={workers}"]
            settings = [*SMALL, *launcher, f"search.candidates={candidates}", f"threads={arguments.threads}"]
            row = run(f"{candidates} by {workers}", settings, folder, off=False)
            wall = float(str(row["wall s"]))
            alone.setdefault(candidates, wall)
            seconds = {name: value for name, value in row.items() if name.endswith(" s")}
            ratio = {"speed-up": alone[candidates] / wall}
            found.append({"candidates": candidates, "workers": workers, "trials": row["trials"], **seconds, **ratio})
    return found


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=1, threads=1)
    parser.add_argument("--candidates", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2], help="the first is what others are measured by"
    )
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        measured = rows(arguments, Path(folder))
    reporting.show("searches on digits, resnet8, rungs of 1 and 2 epochs", measured)
    reporting.save("benchmarks.scaling", arguments, measured, overrides=SMALL)


if __name__ == "__main__":
    main()
