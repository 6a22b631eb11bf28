"""How many epochs each candidate of a generation gets."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final


@dataclass(frozen=True)
class Rung:
    """A stop on the way up.

    Attributes:
        epochs: epochs that a candidate has had, in all, when it is judged here.
        quota: how many candidates of a generation are trained to here.
    """

    epochs: int
    quota: int


class Schedule(ABC):
    """The rungs of one generation, lowest first."""

    @property
    @abstractmethod
    def rungs(self) -> tuple[Rung, ...]:
        """Epochs rise strictly, quotas never rise."""

    @property
    def offspring(self) -> int:
        """Candidates of a generation."""
        return self.rungs[0].quota

    def cost(self, candidates: int) -> int:
        """Epochs that ``candidates`` candidates cost when none is rejected and each goes on from its checkpoint."""
        epochs = 0
        while candidates > 0:
            reached = 0
            for rung in self.rungs:
                epochs += min(rung.quota, candidates) * (rung.epochs - reached)
                reached = rung.epochs
            candidates -= self.offspring
        return epochs


@final
class Halving(Schedule):
    """Successive halving within a generation: only the best ``quotas[k]`` go on to ``rungs[k]`` epochs.

    Source: Jamieson and Talwalkar, arXiv:1502.07943, with quotas in place of a fixed ratio.

    Args:
        rungs: epochs at each rung, strictly rising, above 0.
        quotas: candidates at each rung, never rising, above 0; the first is the size of a generation.
    """

    def __init__(self, rungs: Sequence[int], quotas: Sequence[int]) -> None:
        if not rungs or any(epochs <= 0 for epochs in rungs) or sorted(set(rungs)) != list(rungs):
            raise ValueError(f"rungs must be epochs above 0 that rise strictly, got {list(rungs)}; try [3, 8, 24]")
        if len(quotas) != len(rungs) or any(quota <= 0 for quota in quotas) or sorted(quotas)[::-1] != list(quotas):
            raise ValueError(
                f"quotas must be one count above 0 for each of the {len(rungs)} rungs, never rising, "
                f"got {list(quotas)}; try {[20, 8, 4][: len(rungs)]}"
            )
        self._rungs = tuple(Rung(epochs, quota) for epochs, quota in zip(rungs, quotas, strict=True))

    @property
    def rungs(self) -> tuple[Rung, ...]:
        return self._rungs


@final
class Full(Schedule):
    """Every candidate gets the whole budget; nothing is halved.

    Args:
        epochs: epochs of each candidate, above 0.
        offspring: candidates of a generation, above 0.
    """

    def __init__(self, epochs: int, offspring: int) -> None:
        self._rungs = Halving([epochs], [offspring]).rungs

    @property
    def rungs(self) -> tuple[Rung, ...]:
        return self._rungs
