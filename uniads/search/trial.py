"""A trial: one candidate at one rung, with what came back from its evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from hashlib import sha256
from numbers import Integral
from typing import Any, SupportsFloat

from typing_extensions import Self

from uniads.search.space import Genome


class Status(str, Enum):
    """How a trial ended."""

    PENDING = "pending"
    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"


AGAIN = "-2"
"""The end of a candidate's name in its second training."""


def trial_seed(overrides: Sequence[str], seed: int) -> int:
    """The seed of a candidate's weights: a hash of its overrides and the search's seed, the same at every rung."""
    digest = sha256("\n".join([str(seed), *overrides]).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


@dataclass(frozen=True)
class Trial:
    """A candidate at a rung.

    Attributes:
        candidate: the candidate's name; the first one is ``c0000``, and its second training ``c0000-2``.
        genome: indices into the space.
        overrides: the genome as Hydra overrides.
        generation: number of its generation, from 0.
        rung: position of the rung in the schedule, from 0.
        epochs: epochs that the candidate has been trained in all when this rung ends.
        start: epochs that it was trained before; it goes on from its checkpoint.
        seed: seed of the student's weights.
        status: how it ended.
        reason: why it was rejected or failed; empty otherwise.
        outcome: the numbers that came back.
        values: what the search minimises, in the order of its measures; empty unless completed.
        seconds: wall time of this trial.
        flops: floating-point operations spent on this trial.
    """

    candidate: str
    genome: Genome
    overrides: tuple[str, ...]
    generation: int
    rung: int
    epochs: int
    seed: int
    start: int = 0
    status: Status = Status.PENDING
    reason: str = ""
    outcome: Mapping[str, float] = field(default_factory=dict)
    values: tuple[float, ...] = ()
    seconds: float = 0.0
    flops: float = 0.0

    def completed(self, outcome: Mapping[str, SupportsFloat], seconds: float = 0.0) -> Self:
        """This trial, completed with the numbers that came back."""
        return self._end(Status.COMPLETED, "", outcome, seconds)

    def rejected(self, reason: str, outcome: Mapping[str, SupportsFloat] | None = None, seconds: float = 0.0) -> Self:
        """This trial, rejected as hopeless."""
        return self._end(Status.REJECTED, reason, outcome or {}, seconds)

    def failed(self, reason: str, seconds: float = 0.0) -> Self:
        """This trial, failed with an error."""
        return self._end(Status.FAILED, reason, {}, seconds)

    def _end(self, status: Status, reason: str, outcome: Mapping[str, SupportsFloat], seconds: float) -> Self:
        # JSON knows only plain numbers, not those of NumPy and torch.
        plain = {name: int(value) if isinstance(value, Integral) else float(value) for name, value in outcome.items()}
        ended = replace(self, status=status, reason=reason, outcome=plain, seconds=seconds)
        return replace(ended, flops=ended.epochs_spent * plain.get("epoch_flops", 0.0))

    def again(self, seed: int) -> Self:
        """This candidate's second training to the same rung: from the beginning, with other weights.

        Args:
            seed: of the search.
        """
        name, other = f"{self.candidate}{AGAIN}", trial_seed([*self.overrides, AGAIN], seed)
        return type(self)(name, self.genome, self.overrides, self.generation, self.rung, self.epochs, other)

    @property
    def repeats(self) -> str:
        """The candidate of which this is the second training; empty for a first one."""
        return self.candidate.removesuffix(AGAIN) if self.candidate.endswith(AGAIN) else ""

    @property
    def slot(self) -> tuple[str, int]:
        """The candidate's name and the rung. Both together identify a trial of a search."""
        return self.candidate, self.rung

    @property
    def epochs_spent(self) -> float:
        """Epochs trained in this trial alone, without those at lower rungs."""
        last_epoch = self.epochs if self.status is Status.COMPLETED else self.start
        return float(self.outcome.get("epochs", last_epoch)) - self.start

    def row(self) -> dict[str, Any]:
        """This trial as one JSON object."""
        return asdict(self) | {"status": self.status.value}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The trial that a JSON object holds."""
        tuples = {name: tuple(row[name]) for name in ("genome", "overrides", "values")}
        return cls(**{**row, **tuples, "status": Status(row["status"])})
