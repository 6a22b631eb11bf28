"""A recorded ledger as the objective of a search: hours of trainings, replayed in seconds.

The ledger under ``benchmarks/ledgers`` holds the trials of a search on handwritten digits. A surrogate that has learned
from it answers for every candidate of the recorded space, so that two algorithms can be compared without any training.

    python examples/replay_ledger.py
"""

from pathlib import Path

from uniads.search import NSGA2, Halving, Random, Record, search

LEDGER = Path(__file__).parent.parent / "benchmarks" / "ledgers" / "digits_resnet56-resnet20.jsonl.gz"


def main() -> None:
    """Replay the ledger for two algorithms, and print the best candidate of each."""
    record = Record.of(LEDGER)
    print(f"{len(record.trials)} trials of a space of {record.space.size:,} points, at epochs {record.rungs}")
    objective = record.replay(record.space, record.measures)
    schedule = Halving(record.rungs, [12, 6, 3])
    for algorithm in (Random(record.space, seed=1), NSGA2(record.space, seed=1)):
        result = search(record.space, objective, algorithm, schedule, measures=record.measures, candidates=60)
        assert result.best is not None
        values = ", ".join(f"{measure.name} {result.best.outcome[measure.name]:.3f}" for measure in record.measures)
        print(f"{type(algorithm).__name__}: {result.epochs_spent:.0f} epochs replayed; best: {values}")


if __name__ == "__main__":
    main()
