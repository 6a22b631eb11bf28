"""A candidate as a report shows it: what sets it, its numbers, and how to train it again."""

from uniads.bridge.reproduce import build_command, build_overrides
from uniads.search import Measure, Result
from uniads.search.account import Account
from uniads.search.trial import Trial
from uniads.terminal.trial import is_predicted, read_number


def spell_candidate(account: Account, trial: Trial, config_dir: str | None = None) -> str:
    """The command that trains a candidate again; its overrides alone where the ledger does not know the others.

    Args:
        account: of the search.
        trial: the candidate at a rung.
        config_dir: folder of the user's own options, if the search was given one.
    """
    facts = account.facts
    if "overrides" not in facts:
        return " ".join(trial.overrides)
    data_seed = facts.get("data_seed", facts.get("seed", 0))
    overrides = build_overrides(facts["overrides"], trial, data_seed, account.schedule_epochs)
    return build_command(overrides, config_dir)


def list_student_settings(trial: Trial) -> list[str]:
    """The overrides that set the student, the group's name left out."""
    return [item.removeprefix("student.") for item in trial.overrides if item.startswith("student.")]


def describe_measure(measure: Measure) -> str:
    """A measure in words, with its direction."""
    if measure.target is None:
        return f"{measure.name} (lower is better)"
    return f"{measure.name} (nearer to {measure.target:,.6g} is better)"


def describe_point(result: Result, trial: Trial) -> str:
    """A completed trial in a line: its name, every objective, its accuracy, and its overrides."""
    names = dict.fromkeys([*(measure.name for measure in result.measures), "val_acc1", "params"])
    numbers = [(name, read_number(trial, name)) for name in names]
    shown = ", ".join(f"{name} {show_number(number)}" for name, number in numbers if number is not None)
    predicted = " (predicted by a surrogate)" if is_predicted(trial) else ""
    return f"{trial.candidate} after epoch {trial.epochs}{predicted}: {shown}; {' '.join(trial.overrides)}"


def show_number(number: float) -> str:
    """A number with six digits, or with all of a whole one's."""
    return f"{number:,.0f}" if 1e6 <= abs(number) < 1e15 else f"{number:,.6g}"
