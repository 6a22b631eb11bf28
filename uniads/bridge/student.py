"""The students of a search: from a point of the space to a network that is not trained."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from uniads.bridge.dressing import Dressing
from uniads.model.base import Network, count_params
from uniads.search.replay.forest import Polynomial
from uniads.search.space import Point, Value
from uniads.settings.blueprint import Blueprint, replace_value

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
        dressing: what distillers make of students; None where they leave them as they are.
    """

    def __init__(
        self,
        student: Blueprint[Network],
        models: Mapping[str, Mapping[str, Any]],
        shape: Mapping[str, int],
        dressing: Dressing | None = None,
    ) -> None:
        self.student, self.models, self.shape, self.dressing = student, models, shape, dressing
        self._params: dict[tuple[Part, Part], int] = {}
        self._rules: dict[Part, Polynomial] = {}

    def build(self, point: Point) -> Network:
        """The student that a point describes, with fresh weights, before any distiller dresses it.

        Args:
            point: values by override key; those that choose or change the student count.
        """
        own = dict(_student_part(point))
        facts = deepcopy(dict(self.models[str(own.pop(OPTION))] if OPTION in own else self.student.facts))
        for key, value in own.items():
            replace_value(facts, key.split(".")[1:], value, PLACE)
        return replace(self.student, facts=facts)(**self.shape)

    def count(self, point: Point) -> int:
        """Parameters of the student of a point, as its distiller dresses it; nothing is trained or drawn for it."""
        part, dress = _student_part(point), self._dress_part(point)
        if (part, dress) not in self._params:
            with torch.device("meta"):
                student = self.build(point)
            if self.dressing is not None:
                student = self.dressing.dress(student, dress, self.shape)
            self._params[part, dress] = count_params(student)
        return self._params[part, dress]

    def estimate(self, point: Point) -> int:
        """The same number, for many students at once.

        It is counted until a polynomial in depths and width is found that is exact for all that were counted, one for
        each way of dressing them; students of another kind are always counted.

        Args:
            point: as for ``count``.
        """
        part, dress = _student_part(point), self._dress_part(point)
        if (part, dress) in self._params:
            return self._params[part, dress]
        if dress not in self._rules:
            number = self.count(point)
            counted = {p: n for (p, worn), n in self._params.items() if worn == dress}
            if len(counted) in LOOKS:
                keys = [key for key, _ in part]
                rule = _find_rule({p: n for p, n in counted.items() if [key for key, _ in p] == keys})
                self._rules |= {dress: rule} if rule else {}
            return number
        return round(float(self._rules[dress].predict(np.array([_list_numbers(part)]))[0]))

    def _dress_part(self, point: Point) -> Part:
        return () if self.dressing is None else self.dressing.part(point)

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
