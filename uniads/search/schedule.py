"""How many epochs each candidate of a generation gets."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from uniads.error import UserError


@dataclass(frozen=True)
class Rung:
    """A stop on the way up.

    Attributes:
        epochs: epochs that a candidate has had, in all, when it is judged here.
        quota: how many candidates of a generation are trained to here; 0 where a generation starts above.
    """

    epochs: int
    quota: int


class Schedule(ABC):
    """The rungs of every generation, lowest first.

    All generations have the same rungs, so that a rung's position stands for one number of epochs in the whole search
    and values of different budgets never meet. What may differ is how many candidates a generation brings to each.
    """

    @abstractmethod
    def generation(self, number: int) -> tuple[Rung, ...]:
        """A generation's rungs. Epochs rise strictly; quotas never rise, but for zeros at the lower end.

        Args:
            number: of the generation, from 0, whose rungs all have a quota above 0.
        """

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The first generation's rungs."""
        return self.generation(0)

    def size(self, number: int) -> int:
        """Candidates of a generation."""
        return max(rung.quota for rung in self.generation(number))

    def cost(self, candidates: int) -> int:
        """Epochs that ``candidates`` candidates cost when none is rejected and each goes on from its checkpoint."""
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
    """Successive halving within a generation: only the best ``quotas[k]`` go on to ``rungs[k]`` epochs.

    Source: Jamieson and Talwalkar, arXiv:1502.07943, with quotas in place of a fixed ratio.

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

    def generation(self, number: int) -> tuple[Rung, ...]:
        return self._rungs


@final
class Full(Schedule):
    """Every candidate gets the whole budget; nothing is halved.

    Args:
        epochs: epochs of each candidate, above 0.
        offspring: candidates of a generation, above 0.
    """

    def __init__(self, epochs: int, offspring: int) -> None:
        self._rungs = Halving([epochs], [offspring]).generation(0)

    def generation(self, number: int) -> tuple[Rung, ...]:
        return self._rungs


@final
class Hyperband(Schedule):
    """Brackets of successive halving that take turns: many candidates with few epochs first, few with many at last.

    Bracket s = s_max, ..., 0 with s_max = floor(log_eta(epochs)) is one generation. It starts
    ceil((s_max + 1) / (s + 1) * eta^s) candidates at epochs * eta^-s epochs (rounded), and keeps one in eta
    at every rung. Unlike in the original, a promoted candidate goes on from its checkpoint.

    Source: Li et al., arXiv:1603.06560, algorithm 1.

    Args:
        epochs: epochs of the highest rung, above 0.
        eta: one candidate in so many is promoted, at least 2.
    """

    def __init__(self, epochs: int, eta: int = 3) -> None:
        if epochs <= 0 or eta < 2:
            raise UserError(
                f"Hyperband's epochs must be above 0 and its eta at least 2, got epochs {epochs} and eta {eta}; "
                "try 24 and 3"
            )
        steps = 0
        while eta ** (steps + 1) <= epochs:
            steps += 1
        stops = [round(epochs / eta**step) for step in range(steps, -1, -1)]
        self._brackets = tuple(
            tuple(Rung(stop, _quota(steps, bracket, eta, stops.index(stop))) for stop in stops)
            for bracket in range(steps, -1, -1)
        )

    def generation(self, number: int) -> tuple[Rung, ...]:
        return self._brackets[number % len(self._brackets)]


def _quota(steps: int, bracket: int, eta: int, position: int) -> int:
    """Candidates that a bracket brings to the rung at this position; its first rung is at ``steps - bracket``."""
    start = -(-(steps + 1) * eta**bracket // (bracket + 1))
    halvings = position - (steps - bracket)
    return start // eta**halvings if halvings >= 0 else 0
