"""python -m benchmarks.early_scores: which early score of a candidate tells what a long training makes of it.

Random candidates of a space are trained on a short schedule and scored on its rungs in several ways; then anew, on a
schedule some times as long. Scores, each on the validation split: cross-entropy with batch norm's ``running``
statistics, with ``estimated`` ones, of ``averaged`` weights (a moving average over steps, statistics estimated),
``tempered``, estimated after one temperature that is fitted on the split, ``error``, top-1 of the estimated one,
``fewer``, the estimated one on two fifths of the images, and ``last_two``, its mean over this epoch and the one before.
What the short training itself is told, and the random numbers, are not touched by any of it.

Each row is a candidate; rows are kept as they come, and the same command goes on after the last. The tables: Kendall's
tau of each score on each rung with the long training's cross-entropy and with its error, both with estimated
statistics, with a 95% bootstrap interval over candidates; the paired difference to ``running``; and the regret, how
much worse, in cross-entropy, the best of the third that the score promotes is than the best of all. These are of the
candidates that were not rejected on the way; ``with rejected`` is tau where those come last, which is easier to guess.

All else is said as to ``python -m uniads.search``: ``space=balanced data=cifar100 data.size=16 data.fraction=0.1``.
"""

from argparse import Namespace
from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
from scipy import stats

from benchmarks import reporting
from benchmarks.candidates import candidate_parser, draw, train, train_to_end

SCORES = ("running", "estimated", "averaged", "tempered", "error", "fewer", "last_two")
RESAMPLES = 2000


def measure(arguments: Namespace, number: int, overrides: Sequence[str]) -> dict[str, str | int | float]:
    """One candidate's scores: on the rungs of the short schedule, and at the end of the long one as ``long_...``."""
    top, seed = arguments.rungs[-1], arguments.seed
    short = train(arguments, overrides, seed, top, scored_epochs(arguments.rungs))
    row: dict[str, str | int | float] = {"number": number, "overrides": " ".join(overrides), **short}
    if "rejected" not in short:
        found = train_to_end(arguments, overrides, seed, arguments.longer * top)
        row |= {f"long_{name}": value for name, value in found.items()}
    return row


def scored_epochs(rungs: Sequence[int]) -> list[int]:
    """The rungs, and the epochs before them."""
    return sorted({epoch for rung in rungs for epoch in (rung - 1, rung) if epoch})


def value(row: dict[str, Any], name: str) -> float:
    """A score, infinite where the candidate never came so far."""
    score, _, epoch = name.rpartition("_")
    if score == "last_two":
        return (value(row, f"estimated_{max(1, int(epoch) - 1)}") + value(row, f"estimated_{epoch}")) / 2
    number = float(row.get(name, inf))
    return number if np.isfinite(number) else inf


def taus(early: np.ndarray[Any, Any], late: np.ndarray[Any, Any], picks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Kendall's tau-b of each resample, the whole set first."""
    return np.array([stats.kendalltau(early[pick], late[pick]).statistic for pick in picks])


def tables(rows: list[dict[str, Any]], arguments: Namespace) -> list[reporting.Row]:
    """What each score is worth on each rung."""
    through = [row for row in rows if "long_estimated" in row]
    draws = np.random.default_rng(0).integers(len(through), size=(RESAMPLES, len(through)))
    picks = np.concatenate([np.arange(len(through))[None], draws])
    numbers = {name: np.array([value(row, name) for row in through]) for name in names(arguments)}
    everyone = {name: np.array([min(value(row, name), 1e9) for row in rows]) for name in names(arguments)}
    late, wrong = numbers["long_estimated"], numbers["long_error"]
    promoted = max(1, len(through) // 3)
    table: list[reporting.Row] = []
    for rung in arguments.rungs:
        base = taus(numbers[f"running_{rung}"], late, picks)
        for score in SCORES:
            name = f"{score}_{rung}"
            early = numbers[name]
            found = taus(early, late, picks)
            low, high = np.nanquantile(found[1:], [0.025, 0.975])
            gain = found - base
            gain_low, gain_high = np.nanquantile(gain[1:], [0.025, 0.975])
            chosen = np.argsort(early, kind="stable")[:promoted]
            table.append(
                {
                    "score": f"{score}, epoch {rung}",
                    "tau": float(found[0]),
                    "95%": f"{low:.2f} to {high:.2f}",
                    "more than running": float(gain[0]),
                    "its 95%": f"{gain_low:.2f} to {gain_high:.2f}",
                    "tau with error": float(stats.kendalltau(early, wrong).statistic),
                    "with rejected": float(stats.kendalltau(everyone[name], everyone["long_estimated"]).statistic),
                    "regret": float(late[chosen].min() - late.min()),
                }
            )
    return table


def names(arguments: Namespace) -> list[str]:
    """Every score of a row."""
    return [*(f"{score}_{rung}" for score in SCORES for rung in arguments.rungs), "long_estimated", "long_error"]


def main() -> None:
    """Train, score, compare."""
    parser = candidate_parser(__doc__)
    parser.add_argument("--rungs", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--longer", type=int, default=4, help="length of the long schedule in top rungs")
    arguments = parser.parse_args()
    rows = reporting.resume(arguments, "candidates").get("rows", [])
    for number, overrides in enumerate(draw(arguments)):
        if number >= len(rows):
            rows.append(measure(arguments, number, overrides))
            reporting.save("benchmarks.early_scores", arguments, rows)
    lost = sum("long_estimated" not in row for row in rows)
    table = [reporting.rounded_row(row) for row in tables(rows, arguments)]
    reporting.save("benchmarks.early_scores", arguments, rows, rejected=lost, tables=table)
    reporting.show(f"{len(rows)} candidates, {lost} rejected", table)


if __name__ == "__main__":
    main()
