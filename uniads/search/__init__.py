"""The search engine: spaces, genomes, rungs, ledgers. It knows nothing of torch or Hydra.

    from uniads.search import Halving, Measure, NSGA2, SearchSpace, search

It asks an algorithm for genomes, has an objective evaluate them rung by rung, and writes every answer to a ledger.
"""

from uniads.search.algorithm.base import Algorithm
from uniads.search.algorithm.nsga2 import NSGA2
from uniads.search.algorithm.random import Random
from uniads.search.ledger import Ledger
from uniads.search.loop import INTERRUPTED, Result, Watcher, search
from uniads.search.objective import Measure, Objective, per_point
from uniads.search.rejection import Rejection
from uniads.search.schedule import Full, Halving, Hyperband, Rung, Schedule
from uniads.search.shrink import Shrinkage
from uniads.search.space import Dimension, Genome, Point, SearchSpace, Value
from uniads.search.trial import Status, Trial

__all__ = [
    "INTERRUPTED",
    "NSGA2",
    "Algorithm",
    "Dimension",
    "Full",
    "Genome",
    "Halving",
    "Hyperband",
    "Ledger",
    "Measure",
    "Objective",
    "Point",
    "Random",
    "Rejection",
    "Result",
    "Rung",
    "Schedule",
    "SearchSpace",
    "Shrinkage",
    "Status",
    "Trial",
    "Value",
    "Watcher",
    "per_point",
    "search",
]
