"""The search engine: spaces, algorithms, schedules and ledgers. It needs neither torch nor Hydra.

A search asks an algorithm for genomes, has an objective evaluate them rung by rung, and writes every answer to a
ledger. The objective can be any function of a point and a number of epochs:

    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from uniads.search import NSGA2, Account, Halving, Ledger, Measure, Record, Replay, SearchSpace
    >>> from uniads.search import fingerprint, per_point, search
    >>> def evaluate(point, epochs):
    ...     params = point["depth"] * point["width"] ** 2
    ...     return {"val_loss": 1 / epochs + 1 / params, "params": params}
    >>> space = SearchSpace({"depth": [2, 4, 8], "width": [1, 2, 4], "distance": ["kl", "l2"]})
    >>> measures = [Measure("val_loss"), Measure("params", target=64)]
    >>> file = Path(mkdtemp()) / "ledger.jsonl"
    >>> ledger = Ledger(file, fingerprint(space, measures))
    >>> result = search(
    ...     space, per_point(space, evaluate), NSGA2(space), Halving([1, 3, 9], [6, 4, 2]),
    ...     measures=measures, candidates=12, ledger=ledger,
    ... )
    >>> ledger.close()
    >>> result.candidates, result.epochs_spent
    (12, 52.0)
    >>> result.best.outcome["params"] <= 64
    True

The same call with the same ledger file continues a search that was stopped. The file alone is enough to read the
result, or to answer another search without any evaluation:

    >>> Account.of(file).result.front == result.front
    True
    >>> objective = Replay(Record.of(file))

An algorithm of your own is a subclass of ``Algorithm``. ``uniads.search.algorithm.tpe.TPE`` is not listed below, since
it imports Optuna.
"""

from uniads.search.account import Account, fingerprint
from uniads.search.algorithm.base import Algorithm
from uniads.search.algorithm.diswot import DisWOT
from uniads.search.algorithm.nsga2 import NSGA2
from uniads.search.algorithm.random import Random
from uniads.search.algorithm.regularized_evolution import RegularizedEvolution
from uniads.search.ledger import Ledger
from uniads.search.loop import INTERRUPTED, Result, Watcher, search
from uniads.search.objective import Measure, Objective, per_point
from uniads.search.rejection import Rejection
from uniads.search.replay.record import Record
from uniads.search.replay.replay import Replay
from uniads.search.schedule import Full, Halving, Hyperband, Rung, Schedule
from uniads.search.shrink import Shrinkage
from uniads.search.space import Dimension, Genome, Point, SearchSpace, Switch, Value, Weights
from uniads.search.trial import Status, Trial

__all__ = [
    "INTERRUPTED",
    "NSGA2",
    "Account",
    "Algorithm",
    "Dimension",
    "DisWOT",
    "Full",
    "Genome",
    "Halving",
    "Hyperband",
    "Ledger",
    "Measure",
    "Objective",
    "Point",
    "Random",
    "Record",
    "RegularizedEvolution",
    "Rejection",
    "Replay",
    "Result",
    "Rung",
    "Schedule",
    "SearchSpace",
    "Shrinkage",
    "Status",
    "Switch",
    "Trial",
    "Value",
    "Watcher",
    "Weights",
    "fingerprint",
    "per_point",
    "search",
]
