"""One training as its user sees it: what it works on, and what came out."""

import json
from dataclasses import asdict

from omegaconf import DictConfig
from rich.console import Console

from uniads.bridge.training_settings import training_settings
from uniads.error import UserError
from uniads.outcome import Outcome
from uniads.settings import TrainingSettings
from uniads.terminal.console import build_console
from uniads.terminal.opening import describe_answers, describe_data, describe_teacher
from uniads.terminal.table import build_outcome_table
from uniads.training.fit import fit
from uniads.training.parts import Parts, load_data


def main(cfg: DictConfig) -> None:
    """Train one student."""
    train(training_settings(cfg), build_console())


def train(settings: TrainingSettings, console: Console) -> Outcome:
    """Train, show what came out, and leave it in ``outcome.json``.

    Raises:
        UserError: it can't be trained like that, or the training was stopped as hopeless.
    """
    formula = settings.distiller().formula()
    for line in [*describe_data(load_data(settings), settings.recipe.batch_size), f"loss     {formula}"]:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    with console.status("teacher: loading, or training it on first use") as status:

        def show_teacher(parts: Parts) -> None:
            status.stop()
            if parts.teacher:
                lines = describe_teacher(parts.teacher, parts.data, settings.teacher.recipe.epochs)
                for line in [*lines, *describe_answers(settings)]:
                    console.print(line, highlight=False, soft_wrap=True, markup=False)

        outcome = fit(settings, show_teacher)
    directory = settings.directory
    (directory / "outcome.json").write_text(json.dumps(asdict(outcome), indent=2) + "\n")
    console.print(build_outcome_table(outcome))
    console.print(f"student, checkpoints and outcome.json: {directory}", highlight=False, soft_wrap=True)
    if outcome.rejected:
        raise UserError(f"the training was stopped: {outcome.rejected}; try a smaller recipe.lr or distiller weight")
    return outcome
