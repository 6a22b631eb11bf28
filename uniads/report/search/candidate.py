"""A candidate as a report shows it: what sets it, and how to train it again."""

from uniads.bridge.reproduce import build_command, build_overrides
from uniads.search.account import Account
from uniads.search.trial import Trial


def spell_candidate(account: Account, trial: Trial) -> str:
    """The command that trains a candidate again; its overrides alone where the ledger does not know the others."""
    facts = account.facts
    if "overrides" not in facts:
        return " ".join(trial.overrides)
    data_seed = facts.get("data_seed", facts.get("seed", 0))
    return build_command(build_overrides(facts["overrides"], trial, data_seed, account.schedule_epochs))


def list_student_settings(trial: Trial) -> list[str]:
    """The overrides that set the student, the group's name left out."""
    return [item.removeprefix("student.") for item in trial.overrides if item.startswith("student.")]
