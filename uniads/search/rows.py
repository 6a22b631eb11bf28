"""The lines of a ledger file: the first is the header, each other one is a trial or a generation's sampling weights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uniads.error import UserError
from uniads.search.space import Weights
from uniads.search.trial import Trial

FORMAT = 1
"""Format of the files that this version writes.

From format 1 on, a fingerprint holds ``switches``, and overrides leave out idle genes. Headers of format 0 do not name
their format.
"""

Entry = Trial | tuple[int, Weights]
"""What a line after the header holds: a trial, or a generation's number and the weights after it."""


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


def parse_rows(path: Path, content: bytes) -> tuple[Header | None, list[Entry]]:
    """The header of a file, None if it has no line, and its entries.

    Args:
        path: the file, for messages.
        content: its whole lines; a torn last line is already cut off.

    Raises:
        UserError: a line is damaged, or the file's format is newer than this version.
    """
    header: Header | None = None
    entries: list[Entry] = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            if header is None:
                header = _parse_header(line)
            else:
                entries.append(_parse_entry(line))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path}, line {number} is damaged ({error}); restore the file from a copy, or cut it before that line"
            ) from None
        if header.format > FORMAT:
            raise UserError(
                f"{path} has the ledger format {header.format}, this version reads formats 0 to {FORMAT}; "
                "install a newer uniads"
            )
    return header, entries


def _parse_header(line: bytes) -> Header:
    fields = _parse_fields(line, "header")
    number = fields.get("format", 0)
    if type(number) is not int or number < 0:
        raise ValueError(f"no format: {number!r}")
    return Header(fields["fingerprint"], number)


def _parse_entry(line: bytes) -> Entry:
    fields = _parse_fields(line, "trial", "weights")
    if "weights" in fields:
        return fields["generation"], tuple(tuple(gene) for gene in fields["weights"])
    return Trial.of(fields)


def _parse_fields(line: bytes, *kinds: str) -> Mapping[str, Any]:
    """The fields of a row of one of these kinds."""
    row = json.loads(line)
    if not isinstance(row, dict) or row.pop("row", None) not in kinds:
        raise ValueError(f"no {' or '.join(kinds)}")
    return row
