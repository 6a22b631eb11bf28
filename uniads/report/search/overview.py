"""The report's beginning: what was searched with what, what came out, and whether that is more than guessing."""

import json
from collections.abc import Iterator, Mapping
from math import exp, isclose, isfinite
from pathlib import Path

from uniads.outcome import OUTCOME
from uniads.report.element.section import Section
from uniads.report.element.sheet import Sheet
from uniads.report.search.baseline import describe_weak_teacher, find_baselines, find_warm_starts
from uniads.report.search.candidate import show_number
from uniads.report.search.summary import Summary
from uniads.search.account import Account
from uniads.search.confirm import describe_repeats
from uniads.search.trial import Trial
from uniads.terminal.chance import is_at_chance
from uniads.terminal.text import shorten_text
from uniads.terminal.trial import is_predicted, read_number

Row = tuple[str, str]


def build_overview(account: Account) -> Section:
    """The section; a row stands only where its facts are known."""
    summary = Summary.read(account.file.parent)
    rows = [
        *_describe_setting(account, summary),
        *_describe_budget(account),
        *_describe_answers(account),
        *_describe_outcome(account),
        *_describe_baselines(account, summary),
        *_describe_chance(account, summary),
    ]
    sheet = Sheet("summary", "The search in short", ("what", "value"), rows)
    return Section("summary", "Summary", sheet=sheet)


def read_final(directory: Path) -> dict[str, float]:
    """The finite numbers of a search's final training; none where there was none, or its file can't be read."""
    try:
        content = json.loads((directory / "final" / OUTCOME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    pairs = content.items() if isinstance(content, dict) else ()
    return {name: float(value) for name, value in pairs if type(value) in (int, float) and isfinite(value)}


def _describe_setting(account: Account, summary: Summary) -> Iterator[Row]:
    facts = account.facts
    if data := summary.data or facts.get("data"):
        yield "data", shorten_text(str(data), 200)
    if summary.teacher:
        params = "" if summary.teacher_params is None else f", {summary.teacher_params:,} parameters"
        acc1 = summary.teacher_val_acc1
        accuracy = "" if acc1 is None else f", validation accuracy {acc1:.2%}"
        file = f" (weights: {summary.teacher_file})" if summary.teacher_file else ""
        yield "teacher", f"{summary.teacher}{params}{accuracy}{file}"
    algorithm = facts.get("algorithm")
    if isinstance(algorithm, Mapping) and "_target_" in algorithm:
        yield "algorithm", shorten_text(str(algorithm["_target_"]).rpartition(".")[2])
    if "seed" in facts:
        yield "seed", shorten_text(str(facts["seed"]))
    version = facts.get("version")
    if versions := summary.versions or (f"uniads {version}" if version else None):
        device = f", on {summary.device}" if summary.device else ""
        yield "versions", shorten_text(f"{versions}{device}", 200)
    if summary.started:
        yield "began", shorten_text(summary.started)


def _describe_budget(account: Account) -> Iterator[Row]:
    result, facts = account.result, account.facts
    allowed = facts.get("candidates")
    of = f" of {allowed:,}" if isinstance(allowed, int) else ""
    cap = facts.get("max_epochs")
    most = f" of at most about {cap:,.6g}" if isinstance(cap, int | float) else ""
    seconds = sum(trial.seconds for trial in result.trials)
    time = f"; {seconds:,.0f} seconds of trials" if seconds else ""
    yield "spent", f"{result.candidates:,}{of} candidates, {result.epochs_spent:,.6g} epochs{most}{time}"


def _describe_answers(account: Account) -> Iterator[Row]:
    ledger = account.facts.get("ledger")
    predicted = sum(map(is_predicted, account.result.trials))
    n = len(account.result.trials)
    if ledger is not None or predicted:
        source = f"replayed from {shorten_text(str(ledger), 200)}: nothing was trained; " if ledger else ""
        yield "answers", f"{source}{predicted:,} of {n:,} trials are a surrogate's predictions, not measured"


def _describe_outcome(account: Account) -> Iterator[Row]:
    best = account.result.best
    if best is not None:
        yield "best candidate", _describe_trial(account, best)
        for sentence in describe_repeats(account.result.trials, account.result.measures[0].name):
            yield "trained again", sentence
    final = read_final(account.file.parent)
    if "test_acc1_last" in final:
        epochs, params = final.get("epochs", 0.0), final.get("params", 0.0)
        text = f"test accuracy {final['test_acc1_last']:.2%} after epoch {epochs:g}, {params:,.0f} parameters"
        yield "final student", f"{text}, trained on the whole training set, n = 1"


def _describe_trial(account: Account, trial: Trial) -> str:
    names = dict.fromkeys([*(measure.name for measure in account.result.measures), "val_acc1"])
    numbers = [(name, read_number(trial, name)) for name in names]
    predicted = " (predicted)" if is_predicted(trial) else ""
    shown = ", ".join(f"{name} {show_number(number)}" for name, number in numbers if number is not None)
    return f"{shorten_text(trial.candidate)}, after epoch {trial.epochs}: {shown}{predicted}"


def _describe_baselines(account: Account, summary: Summary) -> Iterator[Row]:
    if weak := describe_weak_teacher(account, summary.teacher_val_acc1):
        yield "warning", weak
    for name, trial in find_warm_starts(account).items():
        yield f"{name}, in this search", _describe_trial(account, trial)
    for baseline in find_baselines(account):
        held = "a part of the training set held out" if baseline.holdout else "on the whole training set"
        text = f"test accuracy {baseline.test_acc1:.2%}, {held}, with the same recipe and epochs, n = {baseline.n}"
        yield f"{baseline.method}, pair's own student", text


def _describe_chance(account: Account, summary: Summary) -> Iterator[Row]:
    classes = summary.classes or _count_classes(account)
    if classes is None:
        return
    level = f"{1 / classes:.2%} (1 of {classes} classes)"
    images = summary.val_images
    if images is None:
        yield "chance level", level
        return

    def guesses(acc1: float | None) -> bool:
        return acc1 is not None and is_at_chance(acc1, classes, images)

    front, best = account.result.front, account.result.best
    low = [trial for trial in front if guesses(trial.outcome.get("val_acc1"))]
    said = [
        *(["the teacher"] if guesses(summary.teacher_val_acc1) else []),
        *(["the best candidate"] if best in low else []),
        *([f"{len(low)} of {len(front)} points of the front"] if low else []),
    ]
    warning = f"; not told apart from it on {images:,} validation images: {', '.join(said)}" if said else ""
    yield "chance level", f"{level}{warning}"


def _count_classes(account: Account) -> int | None:
    """The classes of the data, from the loss at chance level, which bounds the hypervolume."""
    for measure in account.result.measures:
        if measure.name == "val_loss" and measure.target is None and 0 < measure.reference < 20:
            classes = round(exp(measure.reference))
            if classes > 1 and isclose(exp(measure.reference), classes, rel_tol=1e-9):
                return classes
    return None
