"""One training as its user sees it: what it works on, what it will take, and what came out."""

from omegaconf import DictConfig
from rich.console import Console

from uniads.bridge.training_settings import training_settings
from uniads.command.train_plan import is_teacher_missing, plan_training
from uniads.data.base import Data
from uniads.error import UserError
from uniads.outcome import OUTCOME, Outcome
from uniads.settings.training import TrainingSettings
from uniads.terminal.chance import warn_of_chance
from uniads.terminal.console import build_console, print_lines
from uniads.terminal.opening import describe_answers, describe_data, describe_teacher
from uniads.terminal.table import build_outcome_table
from uniads.terminal.teaching import TeacherProgress
from uniads.training.fit import fit
from uniads.training.parts import Parts, data_shape, load_data
from uniads.training.rehearsal import rehearse


def main(cfg: DictConfig) -> None:
    """Train one student, or say what that would take."""
    settings, console = training_settings(cfg), build_console()
    if settings.plan:
        data = load_data(settings)
        print_lines(console, [*_introduce(settings, data), *plan_training(settings, data)])
    else:
        train(settings, console)


def train(settings: TrainingSettings, console: Console) -> Outcome:
    """Train, and show what came out.

    Raises:
        UserError: it can't be trained like that, or the training was stopped as hopeless.
    """
    data = load_data(settings)
    print_lines(console, _introduce(settings, data))
    if is_teacher_missing(settings, data):
        print_lines(console, plan_training(settings, data))

    def show_teacher(parts: Parts) -> None:
        if parts.teacher:
            lines = describe_teacher(parts.teacher, data, settings.teacher)
            print_lines(console, [*lines, *describe_answers(settings)])

    outcome = fit(settings, show_teacher, TeacherProgress(console))
    console.print(build_outcome_table(outcome))
    print_lines(console, [*_describe_luck(outcome, data), f"student, checkpoints and {OUTCOME}: {settings.directory}"])
    if outcome.rejected:
        more = ", or chance=null where the first epoch is short" if "chance level" in outcome.rejected else ""
        raise UserError(
            f"the training was stopped: {outcome.rejected}; try a smaller recipe.lr or distiller weight{more}"
        )
    return outcome


def _introduce(settings: TrainingSettings, data: Data) -> list[str]:
    rehearse(settings, data_shape(data))
    return [*describe_data(data, settings.recipe.batch_size), f"loss     {settings.distiller().formula()}"]


def _describe_luck(outcome: Outcome, data: Data) -> list[str]:
    """A warning where the last epoch's student does no better than guessing."""
    acc1, count = outcome.val_acc1, len(data.val(1).index)
    if outcome.test_acc1_last is not None:
        acc1, count = outcome.test_acc1_last, len(data.test(1).index)
    return warn_of_chance("this student", acc1, data.num_classes, count)
