"""What a ledger header of format 0 leaves out, derived from the rest of the ledger.

Such headers have no ``switches``. Some of them also name what was minimised without the target in numbers.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from uniads.error import UserError
from uniads.search.objective import Measure
from uniads.search.space import Switch, Value
from uniads.search.trial import Status, Trial

DISTILLER = "distiller"


def derive_switches(dimensions: Mapping[str, Sequence[Value]]) -> list[Switch]:
    """The switches that follow from the keys of a space.

    The gene ``distiller`` decides over everything below it, and its first value is the one that is searched. A gene
    ``NODE.weight`` decides over the other genes of its node, which are idle at 0.
    """
    paths = {key: key.rpartition("@")[2] for key in dimensions}
    switches = []
    if DISTILLER in dimensions:
        idle = tuple(key for key, path in paths.items() if path.startswith(f"{DISTILLER}."))
        switches.append(Switch(DISTILLER, tuple(dimensions[DISTILLER][1:]), idle))
    for weight, path in paths.items():
        if path.endswith(".weight") and 0 in dimensions[weight]:
            node = path.removesuffix("weight")
            idle = tuple(key for key, other in paths.items() if other.startswith(node) and key != weight)
            switches.append(Switch(weight, (0,), idle))
    return switches


def derive_dimensions(trials: Sequence[Trial]) -> dict[str, list[Value]]:
    """The values that were tried, for a header without a space.

    Raises:
        UserError: a value of some gene was never tried.
    """
    # Overrides leave out idle genes; the longest ones name every gene, in the order of the genome.
    longest = max((trial.overrides for trial in trials), key=len)
    keys = [override.partition("=")[0] for override in longest]
    tried: dict[str, dict[int, Value]] = {key: {} for key in keys}
    for trial in trials:
        for key, _, text in (override.partition("=") for override in trial.overrides):
            if key in tried:
                tried[key][trial.genome[keys.index(key)]] = _parse_value(text)
    complete = all(sorted(values) == list(range(len(values))) for values in tried.values())
    if not complete or len(keys) < len(trials[0].genome):
        raise UserError("the ledger's header has no space, and not every value was tried; write one with fingerprint")
    return {key: [values[gene] for gene in sorted(values)] for key, values in tried.items()}


def _parse_value(text: str) -> Value:
    """The value that the text of an override stands for."""
    try:
        value: Value = json.loads(text)
    except ValueError:
        value = text.strip("'")
    return value


def derive_measures(file: Path, settings: Any, trials: Sequence[Trial]) -> tuple[Measure, ...]:
    """What was minimised, for a header that holds the settings as they were written.

    Args:
        file: the ledger, for the message.
        settings: ``measures`` of the header: a name and a target for each. The target ``pair`` is a number that only
            the trials tell.
        trials: all trials of the ledger.

    Raises:
        UserError: the header has no such settings.
    """
    if not isinstance(settings, Mapping):
        raise UserError(f"the header of {file} does not say what was minimised; give Ledger a fingerprint(...)")
    completed = [trial for trial in trials if trial.status is Status.COMPLETED]
    measures = []
    for position, measure in enumerate(settings.values()):
        target = measure["target"]
        if target == "pair":
            target = _derive_target(measure["name"], position, completed)
        # Chance level is not in such a header; the median of the values stands for it.
        free = completed and measure["target"] is None
        reference = median(trial.values[position] for trial in completed) if free else 1.0
        measures.append(Measure(measure["name"], target, reference))
    return tuple(measures)


def _derive_target(name: str, position: int, trials: Sequence[Trial]) -> float | None:
    """The target t of the values v = |number - t| / t. One trial allows two targets; the one that fits all is taken."""
    number = Measure(name).number
    pairs = [(number(trial.outcome), trial.values[position]) for trial in trials]
    options = [n / (1 + s * v) for n, v in pairs[:1] for s in (1, -1) if n > 0 and s * v > -1]

    def error(target: float) -> float:
        return max(abs(abs(n - target) / target - v) for n, v in pairs)

    return round(float(min(options, key=error)), 6) if options else None
