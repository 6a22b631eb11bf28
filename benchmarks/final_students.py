"""python -m benchmarks.final_students: what a whole search comes to, beside no teacher and plain KD.

For each seed the command of the README searches, and trains what it chose in full; `plain` and `kd` train the pair's
own student on the same images, the whole training set, for the same epochs. The test set is read once a training, at
its end, and chooses nothing. A row is one command; rows are kept as they come, and the same command goes on after the
last. The table: mean test accuracy and its standard deviation over seeds, and the mean paired difference to the
search's student with a 95% interval of Student's t.

`loss when chosen` is the mean validation loss of a search's last contenders, `loss again` that of their second
trainings, with other weights: how much of a choice is luck.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import reporting
from uniads.report.interval import half_interval
from uniads.search.confirm import pair_repeats
from uniads.search.ledger import read
from uniads.search.trial import Status

SEARCH = "search"
BASELINES = ("plain", "kd")


def measure(arguments: Namespace, name: str, seed: int) -> reporting.Row:
    """Run one command in an empty folder, and read what it left."""
    shared = [f"+pair={arguments.pair}", f"seed={seed}", "logger=none", *arguments.overrides]
    if name == SEARCH:
        command = ["uniads.search", *shared, "report=false"]
    else:
        command = ["uniads.train", *shared, f"distiller={name}", "data.holdout=false"]
    with TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", *command, f"hydra.run.dir={folder}"], check=True)
        file = Path(folder, "final" if name == SEARCH else "", "outcome.json")
        outcome: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        luck = compare_repeats(Path(folder, "ledger.jsonl")) if name == SEARCH else {}
    return {
        "name": name,
        "seed": seed,
        "test_acc1_last": outcome["test_acc1_last"],
        "params": outcome["params"],
        "epochs": outcome["epochs"],
        **luck,
    }


def compare_repeats(ledger: Path) -> dict[str, float]:
    """Mean validation loss of the contenders that were trained twice, both times."""
    _, trials = read(ledger)
    pairs = [pair for pair in pair_repeats(trials) if pair[1].status is Status.COMPLETED]
    if not pairs:
        return {}
    first, again = (fmean(trial.values[0] for trial in each) for each in zip(*pairs, strict=True))
    return {"loss when chosen": first, "loss again": again}


def table(rows: list[dict[str, Any]]) -> list[reporting.Row]:
    """Accuracies over the seeds that all have, in percent."""
    found: dict[str, dict[int, float]] = {name: {} for name in (SEARCH, *BASELINES)}
    for row in rows:
        found[row["name"]][row["seed"]] = 100 * row["test_acc1_last"]
    seeds = sorted(set.intersection(*(set(values) for values in found.values())))
    made: list[reporting.Row] = []
    for name, values in found.items():
        mine = [values[seed] for seed in seeds]
        apart = [found[SEARCH][seed] - values[seed] for seed in seeds]
        wide = half_interval(apart)
        assert wide is not None
        made.append(
            {
                "student": name,
                "test accuracy %": fmean(mine),
                "sd": stdev(mine),
                "search is higher by": fmean(apart),
                "95%": f"{fmean(apart) - wide:.2f} to {fmean(apart) + wide:.2f}",
                "n": len(seeds),
            }
        )
    return made


def main() -> None:
    """Run, keep, compare."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("overrides", nargs="*", help="of both commands")
    parser.add_argument("--pair", default="wrn40_2-wrn16_2")
    parser.add_argument("--repeats", type=int, default=10, help="seeds, those of earlier runs included")
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--json", type=Path, help="where the rows are kept")
    arguments = parser.parse_args()
    if arguments.repeats < 2:
        parser.error(f"--repeats must be at least 2, got {arguments.repeats}: one seed has no interval")
    rows = reporting.resume(arguments, "repeats").get("rows", [])
    seeds = range(arguments.seed, arguments.seed + arguments.repeats)
    for number, (seed, name) in enumerate(product(seeds, (SEARCH, *BASELINES))):
        if number >= len(rows):
            rows.append(dict(measure(arguments, name, seed)))
            reporting.save("benchmarks.final_students", arguments, rows)
    made = [reporting.rounded_row(row) for row in table(rows)]
    reporting.save("benchmarks.final_students", arguments, rows, tables=made)
    reporting.show(f"final students, {arguments.pair}", made)


if __name__ == "__main__":
    main()
