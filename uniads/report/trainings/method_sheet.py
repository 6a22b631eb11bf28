"""Trainings as tables, beside published numbers."""

from collections.abc import Sequence
from statistics import mean, stdev

from uniads.report.element.sheet import Cell, Sheet
from uniads.report.literature import find_source
from uniads.report.trainings.training import Training

Group = Sequence[Training]
"""Trainings that differ in nothing but the seed."""


def build_trainings_sheet(groups: Sequence[Group]) -> Sheet:
    """One row a group: test accuracy of the last and of the best validation epoch, n, seeds, published numbers."""
    rows: list[tuple[Cell, ...]] = []
    for group in groups:
        first = group[0]
        published = first.published
        rows.append(
            (
                first.data, first.pair, name_method(group, groups), len(group), " ".join(str(t.seed) for t in group),
                *(format_mean(group, name) for name in ("test_acc1_last", "test_acc1_best", "val_acc1")),
                first.outcome["params"], first.recipe, first.outcome["epochs"],
                ", ".join(f"{number:.2f} [{name}]" for name, number in published.items()) or None,
                "; ".join(find_source(name) for name in published) or None,
            )
        )  # fmt: skip
    title = (
        "Top-1 accuracy (%), mean (standard deviation) over n seeds. Last: the last epoch's student; best: the student "
        "of the best validation epoch. Published CIFAR-100 numbers have the crd recipe, 240 epochs."
    )
    columns = (
        "data", "pair", "method", "n", "seeds", "test, last epoch", "test, best epoch", "validation, last epoch",
        "parameters", "recipe", "epochs", "published", "source",
    )  # fmt: skip
    return Sheet("trainings", title, columns, rows)


def build_methods_sheet(data: str, groups: Sequence[Group]) -> Sheet:
    """Methods down, pairs along: test accuracy of the last epoch, n, and the published number below its source."""
    chosen = [group for group in groups if group[0].data == data]
    pairs = sorted({group[0].pair for group in chosen})
    methods = list(dict.fromkeys(name_method(group, groups) for group in chosen))
    cells = {(name_method(group, groups), group[0].pair): _format_cell(group) for group in chosen}
    rows = [(method, *(cells.get((method, pair)) for pair in pairs)) for method in methods]
    title = (
        f"{data}: top-1 test accuracy (%) of the last epoch, mean (standard deviation), n seeds; in brackets the "
        "published number"
    )
    return Sheet(f"methods_{data}", title, ("method", *pairs), rows)


def format_mean(group: Group, name: str) -> str | None:
    """A share as mean (std) in percent; without the std of one training, None where a training lacks the number."""
    numbers = [training.outcome.get(name) for training in group]
    shares = [100 * number for number in numbers if number is not None]
    if len(shares) < len(group):
        return None
    return f"{mean(shares):.2f} ({stdev(shares):.2f})" if len(shares) > 1 else f"{shares[0]:.2f}"


def name_method(group: Group, groups: Sequence[Group]) -> str:
    """The method, what was altered, and the settings in which it differs from others of its name, data and pair."""
    first = group[0]
    rivals = [
        other[0] for other in groups
        if (other[0].data, other[0].pair, other[0].method) == (first.data, first.pair, first.method)
    ]  # fmt: skip
    keys = sorted({key for rival in rivals for key in rival.settings})
    differing = [key for key in keys if len({rival.settings.get(key) for rival in rivals}) > 1]
    settings = dict(override.partition("=")[::2] for override in first.alterations)
    settings |= {key: first.settings.get(key, "–") for key in differing}
    named = ", ".join(f"{key}={value}" for key, value in settings.items())
    return f"{first.method} ({named})" if named else first.method


def _format_cell(group: Group) -> str:
    first = group[0]
    published = "".join(f" [{number:.2f} {name}]" for name, number in first.published.items())
    return f"{format_mean(group, 'test_acc1_last') or '–'}, n = {len(group)}{published}"
