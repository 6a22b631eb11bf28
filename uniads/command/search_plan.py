"""The plan of a search: what teacher, candidates and final training take, from a few timed steps."""

from collections.abc import Iterator
from random import Random

from uniads.bridge.training_settings import training_settings
from uniads.command.search_setup import Setup
from uniads.command.train_plan import plan_teacher
from uniads.error import UserError
from uniads.terminal.plan import Step, describe_plan
from uniads.training.timing import EpochCost, time_student

DRAWN = 3
"""Candidates whose steps are timed."""


def plan_search(setup: Setup) -> list[str]:
    """Lines on what the search will take: teacher, candidates, final training, and disk space."""
    settings, training = setup.settings, setup.settings.training
    costs = list(_time_candidates(setup))
    seconds, teacher_seconds, teacher_bytes, checkpoint_bytes = (
        sum(getattr(cost, name) for cost in costs) / max(len(costs), 1)
        for name in ("seconds", "teacher_seconds", "teacher_bytes", "checkpoint_bytes")
    )
    epochs, top, jobs = settings.cost, settings.schedule.rungs[-1].epochs, setup.launch.jobs
    work = f"{settings.candidates} candidates, {epochs:,} epochs at most, {jobs} trained at a time"
    live = training.unstored is not None
    # What the teacher says of an epoch is computed once for all candidates, unless it can't be kept.
    answers = epochs * teacher_seconds / jobs if live else top * teacher_seconds
    search = Step("search", work, epochs * seconds / jobs + answers)
    steps = [*plan_teacher(training, setup.data), search]
    if settings.final:
        full = training.schedule_epochs
        work = f"{full} epochs of the best candidate on all training images"
        steps.append(Step("final", work, full * (seconds + teacher_seconds)))
    store = 0.0 if live else min(top * teacher_bytes, training.store.max_gb * 1e9)
    return describe_plan(steps, store + settings.candidates * checkpoint_bytes, str(settings.directory))


def _time_candidates(setup: Setup) -> Iterator[EpochCost]:
    """Time candidates that are drawn evenly; one that can't be trained is left to the search, which says why."""
    random = Random(0)
    for _ in range(DRAWN):
        genome = setup.space.draw(random)
        if setup.space.admits(genome):
            cfg = setup.launch.compose(genome, setup.space.overrides(genome))
            try:
                yield time_student(training_settings(cfg), setup.data)
            except UserError:
                continue
