"""Reads a ledger: what was searched, what was minimised, and every trial. It also writes the header for it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import Self

from uniads.error import UserError
from uniads.search import ledger
from uniads.search.format_0 import derive_dimensions, derive_measures, derive_switches
from uniads.search.loop import Result
from uniads.search.objective import Measure
from uniads.search.rows import Number, Positive, shorten
from uniads.search.space import SearchSpace, Switch, Value
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


class _Entries(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _SwitchEntry(_Entries):
    key: str
    values: list[Value]
    idle: list[str]


class _MeasureEntry(_Entries):
    name: str
    target: Number | None = None
    reference: Number = 1.0


class _Facts(_Entries):
    """What readers of a ledger use of its header."""

    space: dict[str, Annotated[list[Value], Field(min_length=1)]] | None = None
    switches: list[_SwitchEntry] | None = None
    minimised: Annotated[list[_MeasureEntry], Field(min_length=1)] | None = None
    rung_epochs: list[Positive] | None = None
    recipe_epochs: Positive | None = None
    data_seed: int | None = None
    seed: int | None = None
    overrides: list[str] | None = None
    pair: str | None = None
    data: str | None = None
    version: str | None = None


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
        _check_facts(file, facts)
        try:
            measures = _read_measures(file, facts, trials)
            space = _read_space(facts, trials)
        except UserError as error:
            raise UserError(f"{file}, line 1: {error}") from None
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise UserError(
                f"{file}, line 1 does not say what was searched and minimised ({type(error).__name__}: "
                f"{shorten(str(error))}); give Ledger a fingerprint(...)"
            ) from None
        top = max(len(facts.get("rung_epochs", ())) - 1, *(trial.rung for trial in trials))
        return cls(file, facts, space, Result(tuple(trials), measures, top, weights=tuple(weights)))

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


def _check_facts(file: Path, facts: Mapping[str, Any]) -> None:
    """Check the entries of a header that readers use.

    Raises:
        UserError: one has another type than a search writes.
    """
    try:
        _Facts.model_validate(facts)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(map(str, fault["loc"]))
        raise UserError(
            f"{file}, line 1, {shorten(field)}: {fault['msg'][0].lower()}{fault['msg'][1:]}, got "
            f"{shorten(repr(fault['input']))}; restore the file from a copy, or give Ledger a fingerprint(...)"
        ) from None


def _read_measures(file: Path, facts: Mapping[str, Any], trials: Sequence[Trial]) -> tuple[Measure, ...]:
    """What was minimised."""
    if "minimised" not in facts:
        return derive_measures(file, facts.get("measures"), trials)
    return tuple(Measure(measure["name"], measure["target"], measure["reference"]) for measure in facts["minimised"])


def _read_space(facts: Mapping[str, Any], trials: Sequence[Trial]) -> SearchSpace:
    """The space of a header, with what an older header leaves out."""
    dimensions = facts.get("space") or derive_dimensions(trials)
    if "switches" in facts:
        switches = [Switch.of(fields) for fields in facts["switches"]]
    else:
        switches = derive_switches(dimensions)
    return SearchSpace(dimensions, switches=switches)
