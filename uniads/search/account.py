"""Reads a ledger: what was searched, what was minimised, and every trial. It also writes the header for it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Self

from uniads.error import UserError
from uniads.search import ledger
from uniads.search.format_0 import derive_dimensions, derive_measures, derive_switches
from uniads.search.loop import Result
from uniads.search.objective import Measure
from uniads.search.space import SearchSpace, Switch
from uniads.search.trial import Status, Trial


def fingerprint(space: SearchSpace, measures: Sequence[Measure], /, **more: Any) -> dict[str, Any]:
    """The entries of a header that make a ledger readable without anything else.

    Args:
        space: where to search.
        measures: what is minimised, the loss first.
        more: further entries that distinguish this search from others.
    """
    dimensions = {dimension.key: list(dimension.values) for dimension in space.dimensions}
    return {
        **more,
        "space": dimensions,
        "switches": [asdict(switch) for switch in space.switches],
        "minimised": [asdict(measure) for measure in measures],
    }


@dataclass(frozen=True)
class Account:
    """A ledger file, read.

    Attributes:
        file: the ledger.
        facts: the fingerprint in its header.
        space: the searched space with its switches. Other repairs, and caps, are not recorded.
        result: the trials, and what follows from them.
    """

    file: Path
    facts: Mapping[str, Any]
    space: SearchSpace
    result: Result

    @classmethod
    def of(cls, file: Path) -> Self:
        """Read a ledger. Its search may still be running.

        Raises:
            UserError: there is no ledger, or it is damaged, holds no trial, does not say what was searched, or was
                written by a newer version.
        """
        facts, trials, weights = ledger.read_all(file)
        if not trials:
            raise UserError(f"{file} holds no trial yet; report on it once the search has ended its first ones")
        if "minimised" in facts:
            measures = tuple(Measure(**measure) for measure in facts["minimised"])
        else:
            measures = derive_measures(file, facts.get("measures"), trials)
        top = max(len(facts.get("rung_epochs", ())) - 1, *(trial.rung for trial in trials))
        result = Result(tuple(trials), measures, top, weights=tuple(weights))
        return cls(file, facts, _read_space(facts, trials), result)

    @property
    def completed(self) -> bool:
        """Whether any trial was completed."""
        return any(trial.status is Status.COMPLETED for trial in self.result.trials)

    @property
    def rung_epochs(self) -> dict[int, int]:
        """Epochs at each rung that a trial reached."""
        return dict(sorted({trial.rung: trial.epochs for trial in self.result.trials}.items()))

    @property
    def schedule_epochs(self) -> int:
        """Epochs at the top rung, which are also the length of every candidate's learning-rate schedule."""
        return int(max([*self.facts.get("rung_epochs", ()), *self.rung_epochs.values()]))


def _read_space(facts: Mapping[str, Any], trials: Sequence[Trial]) -> SearchSpace:
    """The space of a header, with what an older header leaves out."""
    dimensions = facts.get("space") or derive_dimensions(trials)
    if "switches" in facts:
        switches = [Switch.of(fields) for fields in facts["switches"]]
    else:
        switches = derive_switches(dimensions)
    return SearchSpace(dimensions, switches=switches)
