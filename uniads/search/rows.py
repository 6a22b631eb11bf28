"""The lines of a ledger file: the first is the header, each other one is a trial or a generation's sampling weights.

A file may come from anywhere: each line is checked against a schema, and all of them together by
``uniads.search.coherence``, before anything is believed or changed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from uniads.error import UserError
from uniads.search.coherence import Coherence
from uniads.search.space import Weights
from uniads.search.trial import Trial

FORMAT = 1
"""Format of the files that this version writes.

From format 1 on, a fingerprint holds ``switches``, and overrides leave out idle genes. Headers of format 0 do not name
their format.
"""

Entry = Trial | tuple[int, Weights]
"""What a line after the header holds: a trial, or a generation's number and the weights after it."""

LARGEST = 2**1000
"""Whole numbers are below it, so that each of them can become a float."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
Positive = Annotated[int, Field(ge=1, lt=2**63)]
Number = Annotated[int, Field(gt=-LARGEST, lt=LARGEST)] | Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[int, Field(ge=0, lt=LARGEST)] | Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Row(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class HeaderRow(_Row):
    """The first line."""

    row: Literal["header"]
    format: Count = 0
    fingerprint: dict[str, Any]


class TrialRow(_Row):
    """A trial; see ``Trial``."""

    row: Literal["trial"]
    candidate: Annotated[str, Field(min_length=1)]
    genome: list[Count]
    overrides: list[str]
    generation: Count
    rung: Count
    epochs: Positive
    seed: Annotated[int, Field(gt=-(2**63), lt=2**64)]
    start: Count = 0
    status: Literal["completed", "rejected", "failed"]
    reason: str = ""
    outcome: dict[str, Number]
    values: list[Number]
    seconds: Amount = 0.0
    flops: Amount = 0.0


class WeightsRow(_Row):
    """The sampling weights after a generation."""

    row: Literal["weights"]
    generation: Count
    weights: list[list[Amount]]


_SCHEMA: TypeAdapter[TrialRow | WeightsRow] = TypeAdapter(Annotated[TrialRow | WeightsRow, Field(discriminator="row")])


@dataclass(frozen=True)
class Header:
    """The first line of a ledger file.

    Attributes:
        fingerprint: what distinguishes the search from others.
        format: format of the file, 0 or above.
    """

    fingerprint: dict[str, Any]
    format: int = FORMAT

    def row(self) -> dict[str, Any]:
        """This header as one JSON object."""
        return {"row": "header", "format": self.format, "fingerprint": self.fingerprint}


@dataclass(frozen=True)
class Content:
    """What a ledger file holds.

    Attributes:
        header: the first line; None if there is none.
        entries: the others, in their order.
        coherence: has seen all of them, and checks what is appended.
    """

    header: Header | None
    entries: list[Entry]
    coherence: Coherence


class _NewerError(ValueError):
    """A row has fields that this version does not know."""


def spell_row(row: Mapping[str, Any]) -> bytes:
    """A row as a line of a ledger."""
    return (json.dumps(row, allow_nan=False) + "\n").encode()


def parse_rows(path: Path, lines: Sequence[bytes]) -> Content:
    """What a file holds.

    Args:
        path: the file, for messages.
        lines: its whole lines, without their ends; a torn last line is not among them.

    Raises:
        UserError: a line is damaged or contradicts those before it, or a newer version wrote the file.
    """
    header: Header | None = None
    coherence = Coherence({})
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        try:
            if header is None:
                header = _parse_header(path, line)
                coherence = Coherence(header.fingerprint)
            else:
                entries.append(_parse_entry(line, coherence, number))
        except _NewerError as error:
            raise UserError(
                f"{path}, line {number} was written by a newer version of uniads ({error}); install that version to "
                "read the file, which is as it was"
            ) from None
        except (ValueError, RecursionError) as error:
            advice = "restore the file from a copy, or cut it before that line"
            if header is None:
                advice = f"a ledger begins with its header, so this is no ledger, or its first line is lost; {advice}"
            raise UserError(f"{path}, line {number} is damaged ({_explain(error)}); {advice}") from None
    return Content(header, entries, coherence)


def _parse_header(path: Path, line: bytes) -> Header:
    fields = _load(line)
    number = fields.get("format", 0)
    if fields.get("row") == "header" and (type(number) is not int or number < 0):
        raise ValueError(f"no format: {number!r}")
    if fields.get("row") == "header" and number > FORMAT:
        raise UserError(
            f"{path} has the ledger format {number}, this version reads formats 0 to {FORMAT}; install a newer uniads"
        )
    try:
        row = HeaderRow.model_validate(fields)
    except ValidationError as error:
        raise _translate(error) from None
    return Header(row.fingerprint, row.format)


def _parse_entry(line: bytes, coherence: Coherence, number: int) -> Entry:
    fields = _load(line)
    try:
        row = _SCHEMA.validate_python(fields)
    except ValidationError as error:
        raise _translate(error) from None
    if isinstance(row, WeightsRow):
        weights = tuple(tuple(gene) for gene in row.weights)
        coherence.add_weights(row.generation, weights)
        return row.generation, weights
    trial = Trial.of(row.model_dump(exclude={"row"}))
    coherence.add(trial, number)
    return trial


def _load(line: bytes) -> dict[str, Any]:
    """The JSON object of a line.

    Raises:
        ValueError: it is none, or holds a number that JSON has not, or a name twice.
        RecursionError: it is nested too deeply.
    """
    fields = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique)
    if not isinstance(fields, dict):
        raise ValueError("no JSON object")
    return fields


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shorten(twice)} stands there twice")
    return fields


def _translate(error: ValidationError) -> ValueError:
    """The first fault that a schema found, with its field and what stood there."""
    faults = error.errors(include_url=False)
    fields = [_spell_place(fault["loc"]) for fault in faults]
    if all(fault["type"] == "extra_forbidden" for fault in faults):
        return _NewerError(f"it has {' and '.join(map(shorten, fields))}, which this version does not know")
    field, fault = next(pair for pair in zip(fields, faults, strict=True) if pair[1]["type"] != "extra_forbidden")
    got = "" if fault["type"] in ("missing", "union_tag_not_found") else f", got {shorten(repr(fault['input']))}"
    place = f"{shorten(field)}: " if field else ""
    return ValueError(f"{place}{fault['msg'][0].lower()}{fault['msg'][1:]}{got}")


def _spell_place(steps: Sequence[int | str]) -> str:
    """A field's place, without the kind of the row before it and the kind of number after it."""
    own = steps[1:] if steps[:1] in (("trial",), ("weights",)) else steps
    return ".".join(str(step) for step in own if not str(step).startswith("constrained-"))


def shorten(text: str, length: int = 80) -> str:
    """A text, cut where it is too long for a message, with nothing in it that can't be printed."""
    short = text if len(text) <= length else f"{text[:length]}..."
    return short.encode("utf-8", "backslashreplace").decode()


def _explain(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return shorten(" ".join(str(error).split()), 300)
