"""The last few candidates of a search are trained again, with other weights: the best of many is partly lucky."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import mean

from uniads.search.trial import Status, Trial


def merge_repeats(trials: Sequence[Trial]) -> list[Trial]:
    """The completed first trainings; a candidate that was trained twice has the mean of both in each number and value.

    One whose second training was stopped or failed is left out: it can't be relied on.

    Args:
        trials: of one rung, first and second trainings.
    """
    again = {trial.repeats: trial for trial in trials if trial.repeats}
    merged = []
    for trial in trials:
        if trial.repeats or trial.status is not Status.COMPLETED:
            continue
        other = again.get(trial.candidate)
        if other is None:
            merged.append(trial)
        elif other.status is Status.COMPLETED:
            merged.append(_average(trial, other))
    return merged


def _average(first: Trial, second: Trial) -> Trial:
    outcome = dict(first.outcome)
    for name, number in second.outcome.items():
        if name in outcome and number != outcome[name]:  # a count that is the same stays a whole number
            outcome[name] = mean((outcome[name], number))
    return replace(first, outcome=outcome, values=tuple(map(mean, zip(first.values, second.values, strict=True))))


def describe_repeats(trials: Sequence[Trial], measure: str) -> list[str]:
    """How much of the choice was luck, and who can't be relied on. Nothing where nobody was trained again.

    Args:
        trials: of one search.
        measure: name of the first number that is minimised.
    """
    pairs = list(pair_repeats(trials))
    kept = [(first.values[0], again.values[0]) for first, again in pairs if again.status is Status.COMPLETED]
    lines = []
    if kept:
        names = ", ".join(first.candidate for first, again in pairs if again.status is Status.COMPLETED)
        before, after = (mean(values) for values in zip(*kept, strict=True))
        lines.append(
            f"{names} with other weights: {measure} {after:.4f} in mean, {before:.4f} when they were chosen; "
            "the mean of both trainings counts"
        )
    lines += [
        f"{first.candidate} was {again.status.value} ({again.reason}), so it is left out"
        for first, again in pairs
        if again.status is not Status.COMPLETED
    ]
    return lines


def pair_repeats(trials: Sequence[Trial]) -> Iterator[tuple[Trial, Trial]]:
    """First and second trainings of the same candidates to the same rung."""
    first = {trial.slot: trial for trial in trials if trial.status is Status.COMPLETED}
    for trial in trials:
        if trial.repeats and (trial.repeats, trial.rung) in first:
            yield first[trial.repeats, trial.rung], trial
