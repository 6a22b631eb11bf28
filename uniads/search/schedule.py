"""Schedules: how many candidates of a generation are trained, and for how many epochs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from uniads.error import UserError


@dataclass(frozen=True)
class Rung:
    """A number of epochs at which the candidates of a generation are compared.

    Attributes:
        epochs: epochs that a candidate has been trained in all when it reaches this rung.
        quota: how many candidates of a generation are trained to this rung; 0 if the generation starts at a higher one.
    """

    epochs: int
    quota: int


class Schedule(ABC):
    """The rungs of every generation, lowest first.

    All generations have the same rungs. So the position of a rung means one number of epochs in the whole search, and
    values of different budgets are never compared. Only the quotas may differ between generations.
    """

    @abstractmethod
    def generation(self, number: int) -> tuple[Rung, ...]:
        """The rungs of a generation. Epochs rise strictly. Quotas never rise, except after zeros at the lowest rungs.

        Args:
            number: number of the generation, from 0. All quotas of generation 0 are above 0.
        """

    def within(self, epochs: int) -> "Schedule":
        """The same schedule with its highest rung at so many epochs, if that is above; this one itself otherwise.

        A schedule without a rule of its own stays as it is.

        Args:
            epochs: of the highest rung at most, above 0.
        """
        return self

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The first generation's rungs."""
        return self.generation(0)

    def size(self, number: int) -> int:
        """Candidates of a generation."""
        return max(rung.quota for rung in self.generation(number))

    def cost(self, candidates: int) -> int:
        """Epochs that so many candidates cost if none is rejected and each goes on from its checkpoint."""
        epochs = number = 0
        while candidates > 0:
            reached = 0
            for rung in self.generation(number):
                if rung.quota:
                    epochs += min(rung.quota, candidates) * (rung.epochs - reached)
                    reached = rung.epochs
            candidates -= self.size(number)
            number += 1
        return epochs


@final
class Halving(Schedule):
    """Successive halving within a generation: only the best ``quotas[k]`` are trained to ``rungs[k]`` epochs.

    Source: Jamieson and Talwalkar, arXiv:1502.07943; quotas replace its fixed ratio.

    Args:
        rungs: epochs at each rung, strictly rising, above 0.
        quotas: candidates at each rung, never rising, above 0; the first is the size of a generation.
    """

    def __init__(self, rungs: Sequence[int], quotas: Sequence[int]) -> None:
        if not rungs or any(epochs <= 0 for epochs in rungs) or sorted(set(rungs)) != list(rungs):
            raise UserError(f"rungs must be epochs above 0 that rise strictly, got {list(rungs)}; try [3, 8, 24]")
        if len(quotas) != len(rungs) or any(quota <= 0 for quota in quotas) or sorted(quotas)[::-1] != list(quotas):
            raise UserError(
                f"quotas must be one count above 0 for each of the {len(rungs)} rungs, never rising, "
                f"got {list(quotas)}; try {[20, 8, 4][: len(rungs)]}"
            )
        self._rungs = tuple(Rung(epochs, quota) for epochs, quota in zip(rungs, quotas, strict=True))

    def within(self, epochs: int) -> "Halving":
        """Rungs in the same proportions, rounded; of rungs that fall together the higher one stays, with its quota."""
        top = self._rungs[-1].epochs
        if top <= epochs:
            return self
        quotas = {max(1, round(rung.epochs * epochs / top)): rung.quota for rung in self._rungs}
        # The first quota is the size of a generation, and stays.
        return Halving([*quotas], [self._rungs[0].quota, *[*quotas.values()][1:]])

    def generation(self, number: int) -> tuple[Rung, ...]:
        return self._rungs


@final
class Full(Schedule):
    """One rung: every candidate is trained for the same number of epochs.

    Args:
        epochs: epochs of each candidate, above 0.
        offspring: candidates of a generation, above 0.
    """

    def __init__(self, epochs: int, offspring: int) -> None:
        self._rungs = Halving([epochs], [offspring]).generation(0)

    def within(self, epochs: int) -> "Full":
        (rung,) = self._rungs
        return Full(epochs, rung.quota) if rung.epochs > epochs else self

    def generation(self, number: int) -> tuple[Rung, ...]:
        return self._rungs


@final
class Hyperband(Schedule):
    """Brackets of successive halving, one for each generation in turn, from many short trainings to few long ones.

    Bracket s = s_max, ..., 0 with s_max = floor(log_eta(epochs)) is one generation. It starts
    ceil((s_max + 1) / (s + 1) * eta^s) candidates at epochs * eta^-s epochs (rounded), and keeps one of eta candidates
    at every rung. A promoted candidate goes on from its checkpoint; in the original it starts again.

    Source: Li et al., arXiv:1603.06560, algorithm 1.

    Args:
        epochs: epochs of the highest rung, above 0.
        eta: one of so many candidates is promoted; at least 2.
    """

    def __init__(self, epochs: int, eta: int = 3) -> None:
        if epochs <= 0 or eta < 2:
            raise UserError(
                f"Hyperband's epochs must be above 0 and its eta at least 2, got epochs {epochs} and eta {eta}; "
                "try 24 and 3"
            )
        self._eta = eta
        steps = 0
        while eta ** (steps + 1) <= epochs:
            steps += 1
        stops = [round(epochs / eta**step) for step in range(steps, -1, -1)]
        self._brackets = tuple(
            tuple(Rung(stop, _quota(steps, bracket, eta, stops.index(stop))) for stop in stops)
            for bracket in range(steps, -1, -1)
        )

    def within(self, epochs: int) -> "Hyperband":
        return Hyperband(epochs, self._eta) if self.rungs[-1].epochs > epochs else self

    def generation(self, number: int) -> tuple[Rung, ...]:
        return self._brackets[number % len(self._brackets)]


def _quota(steps: int, bracket: int, eta: int, position: int) -> int:
    """Quota of a bracket at the rung at a position. The first rung of the bracket is at ``steps - bracket``."""
    start = -(-(steps + 1) * eta**bracket // (bracket + 1))
    halvings = position - (steps - bracket)
    return start // eta**halvings if halvings >= 0 else 0
