"""The search engine: spaces, genomes, rungs, ledgers. It knows nothing of torch or Hydra.

It asks an algorithm for genomes, has an objective evaluate them rung by rung, and writes every answer to a ledger.
As a library it searches anything that answers for a point and a number of epochs, such as a table:

    from uniads.search import NSGA2, Halving, Measure, SearchSpace, per_point, search

    space = SearchSpace({"depth": [2, 4, 8], "width": [1, 2, 4], "distance": ["kl", "l2"]})
    objective = per_point(space, lambda point, epochs: TABLE[tuple(point.values()), epochs])
    measures = [Measure("val_loss"), Measure("params", target=64)]
    result = search(space, objective, NSGA2(space), Halving([1, 3, 9], [6, 4, 2]), measures=measures, candidates=12)
    print(result.best, result.front, result.epochs)

A ledger that a search has written is such a table too: ``Record.of(path).replay(space, measures)`` is an objective.
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
from uniads.search.space import Dimension, Genome, Point, SearchSpace, Switch, Value
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
    "fingerprint",
    "per_point",
    "search",
]
