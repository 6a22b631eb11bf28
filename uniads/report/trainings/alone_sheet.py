"""Methods beside the same students without a teacher: what a distillation was worth, and what moved the student."""

from collections.abc import Mapping, Sequence
from statistics import mean

from uniads.report.element.sheet import Cell, Sheet
from uniads.report.interval import half_interval
from uniads.report.trainings.method_sheet import Group, name_method

PLAIN = "plain"
TASK = "task"
DROWNED = 0.2
"""Below this share of the gradient the labels count as drowned."""
OF_METHOD = ("distiller", "published", "teacher_store")
"""Parts of a configuration in which a method may differ from training without a teacher."""


def build_alone_sheet(groups: Sequence[Group]) -> Sheet | None:
    """One row for each method that was trained beside ``plain`` with the same seeds and settings; None without one."""
    rows = [row for group in groups if (row := _build_row(group, groups)) is not None]
    if not rows:
        return None
    title = (
        "Methods beside the same student alone: difference of the last epoch's test accuracy to plain, in points, mean "
        "over n seeds that both have, with its 95% t interval. Gradient: share of the student's gradient, a mean over "
        "epochs."
    )
    columns = ("data", "pair", "method", "n", "difference", "95% interval", "found", "gradient")
    return Sheet("beside_plain", title, columns, rows)


def _build_row(group: Group, groups: Sequence[Group]) -> tuple[Cell, ...] | None:
    if group[0].method == PLAIN:
        return None
    alone = [training for other in groups if _is_alone(other, group) for training in other]
    scores = {training.seed: training.outcome.get("test_acc1_last") for training in alone}
    pairs = [(training, scores[training.seed]) for training in group if scores.get(training.seed) is not None]
    gaps = [100 * (training.outcome["test_acc1_last"] - score) for training, score in pairs if score is not None
            and training.outcome.get("test_acc1_last") is not None]  # fmt: skip
    if not gaps:
        return None
    shares = _mean_shares([training.outcome.get("shares") or {} for training in group])
    half = half_interval(gaps)
    interval = None if half is None else f"{mean(gaps) - half:+.2f} to {mean(gaps) + half:+.2f}"
    first = group[0]
    return (
        first.data, first.pair, name_method(group, groups), len(gaps), f"{mean(gaps):+.2f}", interval,
        _say_found(mean(gaps), half, shares), _list_shares(shares) or None,
    )  # fmt: skip


def _is_alone(other: Group, group: Group) -> bool:
    """Whether a group are the same trainings without a teacher."""
    one, two = other[0], group[0]
    if one.method != PLAIN or (one.data, one.pair) != (two.data, two.pair):
        return False
    return _shared_settings(one.settings) == _shared_settings(two.settings)


def _shared_settings(settings: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in settings.items() if key.split(".")[0] not in OF_METHOD}


def _mean_shares(all_shares: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = list(dict.fromkeys(name for shares in all_shares for name in shares))
    return {name: mean(shares.get(name, 0.0) for shares in all_shares) for name in names}


def _say_found(gap: float, half: float | None, shares: Mapping[str, float]) -> str:
    if half is None:
        found = "one seed tells nothing"
    elif abs(gap) <= half:
        found = "not told apart"
    else:
        found = "better than alone" if gap > 0 else "worse than alone"
    largest = max((name for name in shares if name != TASK), key=shares.__getitem__, default=None)
    if gap < 0 and largest is not None and shares.get(TASK, 1.0) < DROWNED:
        found += f"; {largest} drowned the labels"
    return found


def _list_shares(shares: Mapping[str, float]) -> str:
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {100 * share:.0f}%" for name, share in ordered)
