"""python -m benchmarks.precision: whether candidates that compute in bfloat16 are judged as in float32.

Random candidates of a space are trained three times on one schedule: in float32, in bfloat16 with the same seed, and
in float32 with another seed, which is what luck alone changes. Each is scored at the end, in float32, on the validation
split with estimated statistics. The table: Kendall's tau of the cross-entropies with those of the first training, the
mean paired difference of cross-entropy and of accuracy, with 95% intervals of Student's t (of tau: bootstrap over
candidates), and the ratio of the seconds, where the trainings of a candidate follow each other on one core.

Each row is a candidate; rows are kept as they come, and the same command goes on after the last. All else is said as to
``python -m uniads.search``.
"""

from argparse import Namespace
from collections.abc import Sequence
from statistics import fmean, median
from time import perf_counter
from typing import Any

import numpy as np
from scipy import stats

from benchmarks import reporting
from benchmarks.candidates import candidate_parser, draw, train_to_end
from benchmarks.early_scores import RESAMPLES, taus
from uniads.report.interval import half_interval

WAYS = {"float32": 0, "bfloat16": 0, "another seed": 1}
"""What is trained, with the seed's distance to ``--seed``."""


def measure(arguments: Namespace, number: int, overrides: Sequence[str]) -> reporting.Row:
    """One candidate, trained in each way; a way in which it was rejected has no scores."""
    row: dict[str, str | int | float] = {"number": number, "overrides": " ".join(overrides)}
    for way, more in WAYS.items():
        dtype = way if way in ("float32", "bfloat16") else "float32"
        begin = perf_counter()
        found = train_to_end(arguments, [*overrides, f"dtype={dtype}"], arguments.seed + more, arguments.epochs)
        row[f"{way}, seconds"] = perf_counter() - begin
        if "rejected" not in found:
            row |= {f"{way}, loss": found["estimated"], f"{way}, error": found["error"]}
    return row


def table(rows: Sequence[dict[str, Any]]) -> list[reporting.Row]:
    """Each way beside float32, over the candidates that no way rejected."""
    whole = [row for row in rows if all(f"{way}, loss" in row for way in WAYS)]
    picks = np.random.default_rng(0).integers(len(whole), size=(RESAMPLES, len(whole)))
    first = np.array([row["float32, loss"] for row in whole])
    made: list[reporting.Row] = []
    for way in [way for way in WAYS if way != "float32"]:
        loss = np.array([row[f"{way}, loss"] for row in whole])
        low, high = np.nanquantile(taus(loss, first, picks), [0.025, 0.975])
        points = [100 * (row["float32, error"] - row[f"{way}, error"]) for row in whole]
        made.append(
            {
                "candidates": way,
                "tau with float32": float(stats.kendalltau(loss, first).statistic),
                "95%": f"{low:.2f} to {high:.2f}",
                "loss higher by": fmean(loss - first),
                "its 95%": _interval(list(loss - first)),
                "accuracy higher by, points": fmean(points),
                "that one's 95%": _interval(points),
                "seconds, ratio": median(row[f"{way}, seconds"] / row["float32, seconds"] for row in whole),
                "rejected": sum(f"{way}, loss" not in row for row in rows),
                "n": len(whole),
            }
        )
    return made


def _interval(values: Sequence[float]) -> str:
    mean, wide = fmean(values), half_interval(values)
    assert wide is not None
    return f"{mean - wide:.3f} to {mean + wide:.3f}"


def main() -> None:
    """Train, score, compare."""
    parser = candidate_parser(__doc__)
    parser.add_argument("--epochs", type=int, default=3, help="of every training")
    arguments = parser.parse_args()
    rows = reporting.resume(arguments, "candidates").get("rows", [])
    for number, overrides in enumerate(draw(arguments)):
        if number >= len(rows):
            rows.append(dict(measure(arguments, number, overrides)))
            reporting.save("benchmarks.precision", arguments, rows)
    made = [reporting.rounded_row(row) for row in table(rows)]
    lost = sum("float32, loss" not in row for row in rows)
    reporting.save("benchmarks.precision", arguments, rows, rejected=lost, tables=made)
    reporting.show(f"{len(rows)} candidates, {lost} rejected in float32", made)


if __name__ == "__main__":
    main()
