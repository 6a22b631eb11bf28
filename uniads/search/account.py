"""A search as its ledger tells it: what was searched, what was minimised, and every trial."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from typing_extensions import Self

from uniads.error import UserError
from uniads.search import ledger
from uniads.search.loop import Result
from uniads.search.objective import Measure
from uniads.search.space import SearchSpace, Value
from uniads.search.trial import Status, Trial


def fingerprint(space: SearchSpace, measures: Sequence[Measure], /, **more: Any) -> dict[str, Any]:
    """What a ledger's header must hold for the ledger to be read without anything else.

    Args:
        space: where to search.
        measures: what is minimised, the loss first.
        more: whatever else makes this search this search.
    """
    dimensions = {dimension.key: list(dimension.values) for dimension in space.dimensions}
    return {**more, "space": dimensions, "minimised": [asdict(measure) for measure in measures]}


@dataclass(frozen=True)
class Account:
    """A ledger file, read.

    Attributes:
        file: the ledger.
        facts: the fingerprint in its header.
        space: where the search looked; repairs and caps are not recorded.
        result: its trials and what follows from them.
    """

    file: Path
    facts: Mapping[str, Any]
    space: SearchSpace
    result: Result

    @classmethod
    def of(cls, file: Path) -> Self:
        """Read a ledger, whole or of a search that still runs.

        Raises:
            UserError: there is no ledger, or it is damaged, holds no trial, or does not say what was searched.
        """
        facts, trials, weights = ledger.read_all(file)
        if not trials:
            raise UserError(f"{file} holds no trial yet; report on it once the search has ended its first ones")
        measures = _measures(file, facts, trials)
        top = max(len(facts.get("rung_epochs", ())) - 1, *(trial.rung for trial in trials))
        result = Result(tuple(trials), measures, top, weights=tuple(weights))
        return cls(file, facts, SearchSpace(facts.get("space") or _seen(trials)), result)

    @property
    def completed(self) -> bool:
        """Whether any trial was completed."""
        return any(trial.status is Status.COMPLETED for trial in self.result.trials)

    @property
    def epochs(self) -> dict[int, int]:
        """Epochs at each rung that a trial reached."""
        return dict(sorted({trial.rung: trial.epochs for trial in self.result.trials}.items()))

    @property
    def length(self) -> int:
        """Epochs at the top rung, which are also the length of every candidate's learning-rate schedule."""
        return int(max([*self.facts.get("rung_epochs", ()), *self.epochs.values()]))


def _seen(trials: Sequence[Trial]) -> dict[str, list[Value]]:
    """The values that were tried, for a ledger without a space in its header."""
    seen: dict[str, dict[int, Value]] = {}
    for trial in trials:
        for gene, override in zip(trial.genome, trial.overrides, strict=True):
            key, _, text = override.partition("=")
            seen.setdefault(key, {})[gene] = _value(text)
    if any(sorted(values) != list(range(len(values))) for values in seen.values()):
        raise UserError("the ledger's header has no space, and not every value was tried; write one with fingerprint")
    return {key: [values[gene] for gene in sorted(values)] for key, values in seen.items()}


def _value(text: str) -> Value:
    """What an override's text stands for."""
    try:
        value: Value = json.loads(text)
    except ValueError:
        value = text.strip("'")
    return value


def _measures(file: Path, facts: Mapping[str, Any], trials: Sequence[Trial]) -> tuple[Measure, ...]:
    """What was minimised. Headers of version 0.1.0 name it without the numbers, which then follow from the trials."""
    if "minimised" in facts:
        return tuple(Measure(**measure) for measure in facts["minimised"])
    if not isinstance(facts.get("measures"), Mapping):
        raise UserError(f"the header of {file} does not say what was minimised; give Ledger a fingerprint(...)")
    done = [trial for trial in trials if trial.status is Status.COMPLETED]
    found = []
    for position, measure in enumerate(facts["measures"].values()):
        target = _target(measure["name"], position, done) if measure["target"] == "pair" else measure["target"]
        # Chance level is not in such a header; the middle of what came back stands for it.
        middle = median(trial.values[position] for trial in done) if done and measure["target"] is None else 1.0
        found.append(Measure(measure["name"], target, middle))
    return tuple(found)


def _target(name: str, position: int, trials: Sequence[Trial]) -> float | None:
    """The target t of the values v = |number - t| / t: of the two that one trial allows, the one that fits all."""
    number = Measure(name).number
    pairs = [(number(trial.outcome), trial.values[position]) for trial in trials]
    options = [n / (1 + s * v) for n, v in pairs[:1] for s in (1, -1) if n > 0 and s * v > -1]

    def error(target: float) -> float:
        return max(abs(abs(n - target) / target - v) for n, v in pairs)

    if not options:
        return None
    target = min(options, key=error)
    return round(target, 6)
