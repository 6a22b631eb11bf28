"""python -m benchmarks.random_distillers: what random distillers of a space make of one student, beside baselines.

The student is fixed: `student.blocks` and `student.width` are said on the command line or are the pair's. Each draw is
trained on a short schedule, as are `plain`, the student without a teacher, and `kd`, some seeds each. A row is one
training: its cross-entropy and top-1 error on the validation split with estimated statistics, and the epochs after
which it was rejected, if it was. Rows are kept as they come, and the same command goes on after the last.

The table: how many were rejected, the median of those that were not, the best of all, and the baselines' means.
"""

from argparse import Namespace
from collections.abc import Iterator
from statistics import fmean, median
from typing import Any

from benchmarks import reporting
from benchmarks.candidates import candidate_parser, draw, train_to_end

BASELINES = ("plain", "kd")


def trainings(arguments: Namespace) -> Iterator[tuple[str, int, list[str]]]:
    """Name, seed and overrides of each training: the baselines', then the draws'."""
    every = draw(arguments)
    shared = [each for each in every[0] if all(each in drawn for drawn in every) and "distiller" not in each]
    for name in BASELINES:
        for seed in range(arguments.seeds):
            yield name, seed, [*shared, f"distiller={name}"]
    for number, drawn in enumerate(every):
        yield f"draw {number}", arguments.seed, drawn


def measure(arguments: Namespace, name: str, seed: int, overrides: list[str]) -> dict[str, str | int | float]:
    """One training's row."""
    found = train_to_end(arguments, overrides, seed, arguments.epochs)
    return {"name": name, "seed": seed, "overrides": " ".join(overrides), **found}


def summary(rows: list[dict[str, Any]]) -> reporting.Row:
    """Draws beside baselines, in nats of cross-entropy."""
    drawn = [row for row in rows if row["name"] not in BASELINES]
    through = [row["estimated"] for row in drawn if "estimated" in row]
    baselines = {name: [row["estimated"] for row in rows if row["name"] == name] for name in BASELINES}
    return {
        "draws": len(drawn),
        "rejected": len(drawn) - len(through),
        "median of the others": median(through),
        "best": min(through),
        **{name: fmean(values) for name, values in baselines.items()},
        **{f"{name}, best of {len(values)}": min(values) for name, values in baselines.items()},
    }


def main() -> None:
    """Train, keep, compare."""
    parser = candidate_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each baseline")
    parser.add_argument("--epochs", type=int, default=5, help="length of each training")
    arguments = parser.parse_args()
    rows = reporting.resume(arguments, "candidates").get("rows", [])
    for number, (name, seed, overrides) in enumerate(trainings(arguments)):
        if number >= len(rows):
            rows.append(measure(arguments, name, seed, overrides))
            reporting.save("benchmarks.random_distillers", arguments, rows)
    table = [reporting.rounded_row(summary(rows))]
    reporting.save("benchmarks.random_distillers", arguments, rows, tables=table)
    reporting.show("random distillers", table)


if __name__ == "__main__":
    main()
