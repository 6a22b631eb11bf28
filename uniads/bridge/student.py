"""The students of a search: from a point of the space to a network that is not trained."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from uniads.error import unknown
from uniads.model.base import Network, count_params
from uniads.search.replay.forest import Polynomial
from uniads.search.space import Point, Value
from uniads.settings.blueprint import Blueprint

PLACE = "student"
OPTION = "model@student"
Part = tuple[tuple[str, Value], ...]
"""What a point says of the student."""


LOOKS = (60, 150, 400, 1_000)
"""Numbers of counted students after which a rule for their parameters is looked for."""


class Students:
    """Builds students for the shape of a data set, and counts their parameters.

    Args:
        student: the pair's own.
        models: the facts of networks that a point may choose in its place, by option.
        shape: ``num_classes`` and ``in_channels``.
    """

    def __init__(
        self, student: Blueprint[Network], models: Mapping[str, Mapping[str, Any]], shape: Mapping[str, int]
    ) -> None:
        self.student, self.models, self.shape = student, models, shape
        self._params: dict[Part, int] = {}
        self._rule: Polynomial | None = None

    def build(self, point: Point) -> Network:
        """The student that a point describes, with fresh weights.

        Args:
            point: values by override key; those that choose or change the student count.
        """
        own = dict(_student_part(point))
        facts = deepcopy(dict(self.models[str(own.pop(OPTION))] if OPTION in own else self.student.facts))
        for key, value in own.items():
            _replace(facts, key.split(".")[1:], value)
        return replace(self.student, facts=facts)(**self.shape)

    def count(self, point: Point) -> int:
        """Parameters of the student that a point describes; nothing is trained or drawn to find out."""
        part = _student_part(point)
        if part not in self._params:
            with torch.device("meta"):
                self._params[part] = count_params(self.build(point))
        return self._params[part]

    def estimate(self, point: Point) -> int:
        """The same number, for many students at once.

        It is counted until a polynomial in depths and width is found that is exact for all that were counted; students
        of another kind are always counted.

        Args:
            point: as for ``count``.
        """
        part = _student_part(point)
        if part in self._params:
            return self._params[part]
        if self._rule is None:
            number = self.count(point)
            if len(self._params) in LOOKS:
                keys = [key for key, _ in part]
                self._rule = _find_rule({p: n for p, n in self._params.items() if [key for key, _ in p] == keys})
            return number
        return round(float(self._rule.predict(np.array([_list_numbers(part)]))[0]))

    def build_other(self, model: Blueprint[Network]) -> Network:
        """Another network of the same shape, such as the teacher's, with fresh weights."""
        return model(**self.shape)

    def count_other(self, model: Blueprint[Network]) -> int:
        """Parameters of another network of the same shape."""
        with torch.device("meta"):
            return count_params(self.build_other(model))


def _student_part(point: Point) -> Part:
    return tuple(item for item in point.items() if is_of_student(item[0]))


def _list_numbers(part: Part) -> list[float]:
    return [float(str(value)) for _, value in part]


def _find_rule(params: Mapping[Part, int]) -> Polynomial | None:
    """A polynomial that is exact; None where there is none."""
    if any(isinstance(value, bool) or not isinstance(value, int | float) for part in params for _, value in part):
        return None
    rule = Polynomial(np.array([_list_numbers(part) for part in params]), np.array([*params.values()], dtype=float))
    return rule if rule.exact else None


def is_of_student(key: str) -> bool:
    """Whether a key chooses or changes the student."""
    return key.lstrip("+") == OPTION or key.lstrip("+").startswith(f"{PLACE}.")


def _replace(facts: Any, path: list[str], value: Value) -> None:
    """Replace what stands at a path of keys and positions.

    Raises:
        UserError: there is nothing at the path.
    """
    *before, last = (int(step) if step.isdigit() else step for step in path)
    place = facts
    try:
        for step in before:
            place = place[step]
        place[last]
    except (LookupError, TypeError):
        known = [key for key in facts if key != "_target_"]
        raise unknown("key of the student", ".".join(path), known) from None
    place[last] = value
