"""Whether the rows of a ledger go together: with its header, and with each other."""

from collections.abc import Mapping
from typing import Any

from uniads.search.space import Weights
from uniads.search.trial import Status, Trial


class Coherence:
    """Checks the rows of one ledger one after the other.

    What a header leaves out, such as the space in those of other searches than ours, is taken from the first row.

    Args:
        fingerprint: of the header.
    """

    def __init__(self, fingerprint: Mapping[str, Any]) -> None:
        self._sizes = _gene_sizes(fingerprint.get("space"))
        self._measures = _count(fingerprint.get("minimised"))
        known = fingerprint.get("rung_epochs")
        self._rung_epochs: dict[int, int] = dict(enumerate(known)) if isinstance(known, list) else {}
        self._rungs_known = isinstance(known, list)
        self._genes = None if self._sizes is None else len(self._sizes)
        self._slots: dict[tuple[str, int], int] = {}
        self._candidates: dict[str, tuple[Trial, int]] = {}
        self._generations = 0

    def add(self, trial: Trial, line: int) -> None:
        """Check the next trial.

        Args:
            trial: the trial.
            line: its number, for later messages.

        Raises:
            ValueError: it contradicts the header or an earlier row.
        """
        self._check_genome(trial)
        self._check_rung(trial)
        self._check_values(trial)
        if trial.slot in self._slots:
            raise ValueError(
                f"candidate: {trial.candidate} at rung {trial.rung} stands in line {self._slots[trial.slot]} already"
            )
        first, where = self._candidates.setdefault(trial.candidate, (trial, line))
        for name in ("genome", "generation", "seed", "overrides"):
            own, before = getattr(trial, name), getattr(first, name)
            if own != before:
                raise ValueError(f"{name}: {trial.candidate} has {own!r} here and {before!r} in line {where}")
        self._slots[trial.slot] = line

    def add_weights(self, generation: int, weights: Weights) -> None:
        """Check the sampling weights after a generation.

        Raises:
            ValueError: they have another shape than the space, or a generation before theirs has none.
        """
        if generation > self._generations:
            raise ValueError(f"generation: {generation} comes after {self._generations - 1}, got no row between them")
        self._generations = generation + 1
        sizes = [len(gene) for gene in weights]
        if self._sizes is not None and sizes != self._sizes:
            raise ValueError(f"weights: the space has {self._sizes} values by gene, got {sizes}")
        if not all(any(gene) for gene in weights):
            raise ValueError("weights: all weights of a gene are 0")

    def _check_genome(self, trial: Trial) -> None:
        if self._genes is None:
            self._genes = len(trial.genome)
        if len(trial.genome) != self._genes:
            raise ValueError(f"genome: it has {len(trial.genome)} genes, the space of this ledger has {self._genes}")
        for position, (gene, size) in enumerate(zip(trial.genome, self._sizes or (), strict=False)):
            if gene >= size:
                raise ValueError(f"genome.{position}: it must be from 0 to {size - 1}, got {gene}")

    def _check_rung(self, trial: Trial) -> None:
        if trial.start > trial.epochs:
            raise ValueError(f"start: it must be at most epochs={trial.epochs}, got {trial.start}")
        if self._rungs_known and trial.rung not in self._rung_epochs:
            raise ValueError(f"rung: it must be from 0 to {len(self._rung_epochs) - 1}, got {trial.rung}")
        epochs = self._rung_epochs.setdefault(trial.rung, trial.epochs)
        if trial.epochs != epochs:
            raise ValueError(f"epochs: rung {trial.rung} has {epochs}, got {trial.epochs}")

    def _check_values(self, trial: Trial) -> None:
        if trial.status is not Status.COMPLETED:
            if trial.values:
                raise ValueError(f"values: a trial that is {trial.status.value} has none, got {list(trial.values)}")
            return
        if self._measures is None:
            self._measures = len(trial.values)
        if len(trial.values) != self._measures:
            raise ValueError(f"values: this ledger minimises {self._measures} numbers, got {len(trial.values)}")


def _gene_sizes(space: Any) -> list[int] | None:
    """How many values each gene has; None where the header does not say it."""
    if not isinstance(space, Mapping) or not all(isinstance(values, list) for values in space.values()):
        return None
    return [len(values) for values in space.values()]


def _count(measures: Any) -> int | None:
    return len(measures) if isinstance(measures, list) else None
