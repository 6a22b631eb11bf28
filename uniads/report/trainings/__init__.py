"""Trainings under a directory as the paper's kind of table: method by pair, mean (std) over seeds."""

from uniads.report.trainings.write import write_trainings

__all__ = ["write_trainings"]
