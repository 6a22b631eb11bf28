"""Trainings under a directory as the paper's kind of table: method by pair, mean (std) over seeds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from omegaconf import OmegaConf

from uniads.error import UserError
from uniads.report.page.sheet import Cell, Sheet
from uniads.report.published import published, source

FREE = ("seed", "paths", "logger", "callback", "threads", "debug")
"""Parts of a configuration that may differ within a mean: the seed, and what leaves the numbers alone."""

CHANGES = (
    "student", "model@", "teacher.model", "distiller.", "transform@", "distance@", "node@", "kd=", "recipe.", "epochs",
    "stop_epoch", "data.fraction", "assistant", "teacher.stop_epoch",
)  # fmt: skip
"""Overrides that make a training another one than the published."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """One training that has ended.

    Attributes:
        data: option of the data set.
        pair: teacher and student.
        method: option of the distiller, and of what is added to it.
        recipe: option of the recipe.
        seed: of the student's weights.
        settings: its configuration by dotted key, without what may differ within a mean.
        outcome: its ``outcome.json``.
        altered: overrides that changed the networks, the method or the length, so that no published number is of the
            same thing.
    """

    data: str
    pair: str
    method: str
    recipe: str
    seed: int
    settings: Settings
    outcome: Mapping[str, Any]
    altered: tuple[str, ...] = ()

    @property
    def published(self) -> dict[str, float]:
        """Published accuracies (%) of the same method and pair on the same data, by source."""
        return {} if self.altered else published(self.data, self.method, self.pair)


def trainings(directory: Path) -> list[Training]:
    """The trainings under a directory; those that were stopped as hopeless are left out.

    Raises:
        UserError: there is none.
    """
    files = sorted(file for file in directory.rglob("outcome.json") if (file.parent / ".hydra/hydra.yaml").exists())
    found = [_read(file) for file in files]
    ended = [training for training in found if not training.outcome.get("rejected")]
    if not ended:
        searches = sorted(str(file.parent) for file in directory.rglob("ledger.jsonl"))
        hint = f"; there is a search: add directory={searches[-1]}" if searches else ""
        raise UserError(
            f"{directory} holds neither a ledger.jsonl nor the outcome.json of a training{hint}. Trainings are made "
            "by python -m uniads.train -m +pair=... seed=0,1,2 distiller=kd,plain"
        )
    return ended


def _read(file: Path) -> Training:
    cfg = OmegaConf.to_container(OmegaConf.load(file.parent / ".hydra/config.yaml"))
    choices = OmegaConf.load(file.parent / ".hydra/hydra.yaml").hydra.runtime.choices
    assert isinstance(cfg, dict)
    settings = {key: value for key, value in _flat(cfg) if key.split(".")[0] not in FREE}
    outcome = json.loads(file.read_text(encoding="utf-8"))
    given = OmegaConf.load(file.parent / ".hydra/overrides.yaml")
    changes = (str(item).lstrip("+~") for item in given if str(item).lstrip("+~").startswith(CHANGES))
    altered = () if choices.distiller == "searched" else tuple(changes)
    also = choices.get("also")
    method = f"{choices.distiller}+{also}" if also else choices.distiller
    names = (choices.data, str(cfg["pair"]), method, choices.recipe)
    return Training(*names, int(cfg["seed"]), settings, outcome, altered)


def _flat(cfg: Mapping[Any, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """A configuration by dotted keys; interpolations stay as they are written."""
    rows: list[tuple[str, Any]] = []
    for key, value in cfg.items():
        name = f"{prefix}{key}"
        rows += _flat(value, f"{name}.") if isinstance(value, Mapping) and value else [(name, str(value))]
    return rows


def grouped(found: Sequence[Training]) -> list[list[Training]]:
    """Trainings that differ in nothing but the seed; of one that was repeated with its seed, the last one stands."""
    groups: dict[Any, dict[int, Training]] = {}
    for training in found:
        key = (training.data, training.pair, training.method, tuple(sorted(training.settings.items())))
        groups.setdefault(key, {})[training.seed] = training
    return [
        [group[seed] for seed in sorted(group)] for _, group in sorted(groups.items(), key=lambda item: item[0][:3])
    ]


def write_trainings(directory: Path) -> list[Sheet]:
    """Write the tables of a directory's trainings into its ``report/``, and return them.

    Raises:
        UserError: there is no training.
    """
    groups = grouped(trainings(directory))
    sheets = [long_sheet(groups), *(matrix(data, groups) for data in sorted({group[0].data for group in groups}))]
    (directory / "report").mkdir(parents=True, exist_ok=True)
    for sheet in sheets:
        sheet.write(directory / "report")
    return sheets


def long_sheet(groups: Sequence[Sequence[Training]]) -> Sheet:
    """One row a group: test accuracy of the last and of the best validation epoch, n, seeds, published numbers."""
    rows: list[tuple[Cell, ...]] = []
    for group in groups:
        first = group[0]
        known = first.published
        rows.append(
            (
                first.data, first.pair, label(group, groups), len(group), " ".join(str(t.seed) for t in group),
                *(spread(group, name) for name in ("test_acc1_last", "test_acc1_best", "val_acc1")),
                first.outcome["params"], first.recipe, first.outcome["epochs"],
                ", ".join(f"{number:.2f} [{name}]" for name, number in known.items()) or None,
                "; ".join(source(name) for name in known) or None,
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


def matrix(data: str, groups: Sequence[Sequence[Training]]) -> Sheet:
    """Methods down, pairs along: test accuracy of the last epoch, n, and the published number below its source."""
    mine = [group for group in groups if group[0].data == data]
    pairs = sorted({group[0].pair for group in mine})
    names = list(dict.fromkeys(label(group, groups) for group in mine))
    cells = {(label(group, groups), group[0].pair): _cell(group) for group in mine}
    rows = [(name, *(cells.get((name, pair)) for pair in pairs)) for name in names]
    title = (
        f"{data}: top-1 test accuracy (%) of the last epoch, mean (standard deviation), n seeds; in brackets the "
        "published number"
    )
    return Sheet(f"methods_{data}", title, ("method", *pairs), rows)


def _cell(group: Sequence[Training]) -> str:
    first = group[0]
    told = "".join(f" [{number:.2f} {name}]" for name, number in first.published.items())
    return f"{spread(group, 'test_acc1_last') or '–'}, n = {len(group)}{told}"


def spread(group: Sequence[Training], name: str) -> str | None:
    """A share as mean (std) in percent; without the std of one training, None where a training lacks the number."""
    numbers = [training.outcome.get(name) for training in group]
    shares = [100 * number for number in numbers if number is not None]
    if len(shares) < len(group):
        return None
    return f"{mean(shares):.2f} ({stdev(shares):.2f})" if len(shares) > 1 else f"{shares[0]:.2f}"


def label(group: Sequence[Training], groups: Sequence[Sequence[Training]]) -> str:
    """The method, what was altered, and the settings in which it differs from others of its name, data and pair."""
    first = group[0]
    rivals = [
        other[0] for other in groups
        if (other[0].data, other[0].pair, other[0].method) == (first.data, first.pair, first.method)
    ]  # fmt: skip
    keys = sorted({key for rival in rivals for key in rival.settings})
    differing = [key for key in keys if len({rival.settings.get(key) for rival in rivals}) > 1]
    told = dict(item.partition("=")[::2] for item in first.altered)
    told |= {key: first.settings.get(key, "–") for key in differing}
    return f"{first.method} ({', '.join(f'{key}={value}' for key, value in told.items())})" if told else first.method
