"""What a search prints before its first trial: what it works on, what it will take, and who teaches."""

import sys

import torch
from rich.console import Console

from uniads.bridge.reproduce import build_resuming_command
from uniads.bridge.search_settings import SearchSettings
from uniads.command.search_plan import plan_search
from uniads.command.search_setup import Setup
from uniads.command.search_summary import note_summary
from uniads.logger.wandb import describe_logging
from uniads.settings.dtype import BFLOAT16
from uniads.teacher.find import find_teacher
from uniads.teacher.training import with_accuracy
from uniads.terminal.console import print_lines
from uniads.terminal.opening import describe_answers, describe_data, describe_teacher
from uniads.terminal.teaching import TeacherProgress


def introduce(setup: Setup, console: Console) -> None:
    """Print what will be done, and what it will take."""
    settings, training = setup.settings, setup.settings.training
    if training.threads is not None:
        torch.set_num_threads(training.threads)
    genes = len(setup.space.dimensions)
    lines = [
        *describe_data(setup.data, training.recipe.batch_size),
        f"pair     {training.pair}: the target is {setup.target:,} parameters, those of the pair's own student",
        f"space    {settings.space.name}: {genes} genes, {setup.space.size:.3g} combinations",
        f"budget   {settings.candidates} candidates, {_describe_rungs(settings)}, {_describe_cost(settings)}",
        *_describe_precision(settings),
        *setup.warm_start.lines(setup.space, settings.candidates),
        describe_logging(training.logger),
    ]
    if not settings.plan:
        lines.append(f"stop it at any time; {build_resuming_line(settings)}")
    print_lines(console, lines)
    if settings.ledger is not None:
        print_lines(
            console, [f"replay   {settings.ledger} answers, and a surrogate where it can't; nothing is trained"]
        )
    else:
        print_lines(console, plan_search(setup))


def _describe_rungs(settings: SearchSettings) -> str:
    rungs, configured = (
        [rung.epochs for rung in schedule.rungs] for schedule in (settings.schedule, settings.configured_schedule)
    )
    lowered = f" (lowered from {configured} to the recipe's epochs)" if rungs != configured else ""
    return f"rungs at {rungs} epochs{lowered}"


def _describe_cost(settings: SearchSettings) -> str:
    cost = f"at most {settings.cost:,} epochs in all"
    if not settings.confirm_cost:
        return cost
    return f"{cost}, {settings.confirm_cost:,} of them to train the best {settings.confirm} again"


def _describe_precision(settings: SearchSettings) -> list[str]:
    if settings.training.dtype != BFLOAT16 or settings.ledger is not None:
        return []
    return ["         candidates compute in bfloat16; dtype=float32 is as exact as the final training"]


def get_teacher(setup: Setup, console: Console) -> None:
    """Load the teacher, or train it on first use, print who it is, and note it. A replay needs none."""
    training = setup.settings.training
    teacher = None
    if setup.settings.ledger is None:
        found = find_teacher(training, setup.data, TeacherProgress(console))
        teacher = with_accuracy(found, training, setup.data)
        lines = describe_teacher(teacher, setup.data, training.teacher)
        print_lines(console, [*lines, *describe_answers(training)])
    note_summary(setup, teacher)


def build_resuming_line(settings: SearchSettings) -> str:
    """How to go on with a search that was stopped."""
    return f"to go on: {build_resuming_command(sys.argv[1:], settings.directory.resolve())}"
