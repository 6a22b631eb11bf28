"""One small search problem with two conflicting measures, answered by a formula."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log

import pytest

from uniads.search import Measure, Point, SearchSpace

DISTANCES = {"kl": 0.0, "cosine": 0.1, "l2": 0.3, "l1": 0.4, "pearson": 0.05}
TRANSFORMS = {"identity": 0.2, "satt": 0.0, "batch": 0.3, "channel": 0.25, "drop": 0.5, "mask": 0.6}


def off_is_off(point: Point) -> Point:
    """A term of weight 0 has no temperature: it takes the first one."""
    return point | {"tau": 1} if point["weight"] == 0 else point


def evaluate(point: Point, epochs: int) -> Mapping[str, float]:
    """Deeper, wider and longer is better; so are some distances, transforms, weights and temperatures."""
    params = 1000 * int(point["depth"]) * float(point["width"]) ** 2
    loss = 3 / log(params) + 0.5 / epochs + DISTANCES[str(point["distance"])] + TRANSFORMS[str(point["transform"])]
    loss += 0.1 * abs(log(float(point["weight"]) + 0.01) - log(5)) + 0.05 * abs(float(point["tau"]) - 4)
    return {"val_loss": loss, "params": params}


@dataclass(frozen=True)
class Problem:
    """A space, a function that answers for it, and what is minimised."""

    space: SearchSpace
    evaluate: Callable[[Point, int], Mapping[str, float]]
    measures: tuple[Measure, ...]


@pytest.fixture(scope="session")
def problem() -> Problem:
    space = SearchSpace(
        {
            "depth": [1, 3, 5, 7],
            "width": [0.5, 1, 1.5, 2],
            "distance": list(DISTANCES),
            "transform": list(TRANSFORMS),
            "weight": [0, 0.1, 1, 5, 50],
            "tau": [1, 4, 8, 16],
        },
        off_is_off,
    )
    return Problem(space, evaluate, (Measure("val_loss", reference=4.0), Measure("params", target=3000)))
