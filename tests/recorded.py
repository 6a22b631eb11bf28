"""A small search on a formula, recorded in a ledger: what reports are made from."""

from math import log, nan
from pathlib import Path

import pytest

from uniads.search import (
    NSGA2,
    Halving,
    Ledger,
    Measure,
    Point,
    Rejection,
    Result,
    SearchSpace,
    Shrinkage,
    Switch,
    Value,
    search,
)
from uniads.search.account import Account, fingerprint
from uniads.search.objective import per_point

SPACE: dict[str, list[Value]] = {
    "student.blocks.0": [1, 3, 5],
    "student.width": [0.5, 1, 2],
    "transform@distiller.logits.transform.first": ["identity", "satt", "drop"],
    "distance@distiller.logits.distance": ["kl", "l2", "cosine"],
    "distiller.logits.weight": [0, 1, 10, 100],
    "distiller.logits.tau": [1, 4, 8],
}
MEASURES = (Measure("val_loss", reference=log(10)), Measure("params", target=3000))


OFF = Switch(
    "distiller.logits.weight",
    (0,),
    tuple(key for key in SPACE if "distiller.logits" in key and "weight" not in key),
)
"""A term of weight 0 has no other genes."""


def evaluate(point: Point, epochs: int) -> dict[str, float]:
    """Drop is bad, a weight of 100 diverges, and the rest matters little."""
    size = 1000 * int(str(point["student.blocks.0"])) * float(str(point["student.width"]))
    loss = 1 / epochs + 300 / size + 0.5 * (point["transform@distiller.logits.transform.first"] == "drop")
    loss += 0.01 * float(str(point["distiller.logits.tau"])) / 8
    diverged = point["distiller.logits.weight"] == 100
    return {
        "val_loss": nan if diverged else loss,
        "val_acc1": 1 / (1 + loss),
        "params": size,
        "epoch_flops": 1e6 * size,
    }


class Recorded:
    """The search's own result, and the ledger that it left."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder
        self.file = folder / "ledger.jsonl"
        space = SearchSpace(SPACE, switches=[OFF])
        facts = fingerprint(space, MEASURES, version="test", recipe_epochs=10, rung_epochs=[1, 3])
        ledger = Ledger(self.file, facts)
        self.result: Result = search(
            space, per_point(space, evaluate), NSGA2(space, seed=0, population=8), Halving([1, 3], [20, 8]),
            measures=MEASURES, candidates=80, rejection=Rejection(), shrinkage=Shrinkage(), ledger=ledger,
        )  # fmt: skip
        ledger.close()

    @property
    def account(self) -> Account:
        return Account.of(self.file)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return Recorded(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="session")
def account(recorded: Recorded) -> Account:
    return recorded.account
