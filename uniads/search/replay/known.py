"""Recorded spaces without the part of which a record says too little."""

import numpy as np

from uniads.search.replay.record import Record
from uniads.search.replay.surrogate import Surrogate, is_hopeless
from uniads.search.space import Genome, Point, SearchSpace, Value
from uniads.search.trial import Trial


def known_students(record: Record, surrogate: Surrogate) -> SearchSpace:
    """The recorded space without students larger than the largest recorded one.

    The record says nothing of such students, and the recording search may have had a cap on parameters.
    """
    largest = max((trial.outcome["params"] for trial in record.trials if "params" in trial.outcome), default=None)
    if largest is None:
        return record.space

    def admits(point: Point) -> bool:
        return surrogate.fixed("params", record.space.genome(point)) <= largest

    return SearchSpace(_dimensions(record.space), admits=admits, switches=record.space.switches)


def known_candidates(record: Record) -> SearchSpace:
    """The recorded candidates alone. Any other genome is repaired to the nearest one that all rungs answer.

    The distance of two genomes is a sum over genes: 1 for categories that differ, and the share of the gene's range for
    numbers. Of equally near candidates the one with the lowest genome is taken. A search of this space needs no
    surrogate.
    """
    answers = {(_genome(record, trial), trial.epochs) for trial in record.trials if "val_loss" in trial.outcome}
    complete = {genome for genome, _ in answers if all((genome, epochs) in answers for epochs in record.rungs)}
    candidates = sorted(complete | {_genome(record, trial) for trial in record.trials if is_hopeless(trial)})
    ordinal = np.array([dimension.ordinal for dimension in record.space.dimensions])
    scale = np.array([max(len(dimension.values) - 1, 1) for dimension in record.space.dimensions])
    genes = np.array(candidates)

    def repair(point: Point) -> Point:
        apart = abs(genes - np.array(record.space.genome(point)))
        distance = np.where(ordinal, apart / scale, apart > 0).sum(axis=1)
        return record.space.point(candidates[int(distance.argmin())])

    return SearchSpace(_dimensions(record.space), repair, switches=record.space.switches)


def _genome(record: Record, trial: Trial) -> Genome:
    return record.space.repair(trial.genome)


def _dimensions(space: SearchSpace) -> dict[str, tuple[Value, ...]]:
    return {dimension.key: dimension.values for dimension in space.dimensions}
