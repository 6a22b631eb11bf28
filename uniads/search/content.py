"""What a ledger file holds, and how much of it: its whole lines, and what a killed process may have left after them."""

import gzip
import json
import zlib
from contextlib import suppress
from pathlib import Path

from uniads.error import DirectoryError, UserError
from uniads.search.rows import Content, Header, parse_rows, spell_row


def read_content(path: Path) -> Content:
    """What a file holds; its name may end in ``.gz``. A torn last line is left out.

    Raises:
        UserError: there is no ledger at the path, or it is damaged, or was written by a newer version.
    """
    if not path.is_file():
        raise UserError(f"no ledger at {path}; a search writes one as ledger.jsonl in its run directory")
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path} is no whole gzip file ({error}); restore it from a copy") from None
    lines, torn = split_lines(content)
    if torn and not lines:
        raise UserError(_no_line_feed(path))
    _check_torn(path, lines, torn)
    return parse_rows(path, lines)


def read_whole_lines(path: Path, wanted: Header) -> tuple[Content, int]:
    """What a file holds, nothing if it does not exist, and how many bytes of it are whole lines.

    Raises:
        DirectoryError: it is damaged, is no ledger, or was written by a newer version.
    """
    content = path.read_bytes() if path.exists() else b""
    lines, torn = split_lines(content)
    try:
        if not lines and not spell_row(wanted.row()).startswith(torn):  # else this search was killed as it began
            raise UserError(_no_line_feed(path))
        _check_torn(path, lines, torn)
        return parse_rows(path, lines), len(content) - len(torn)
    except UserError as error:
        raise DirectoryError(str(error)) from None


def _no_line_feed(path: Path) -> str:
    return (
        f"{path}, line 1 has no line feed at its end, so it is no ledger, or its lines were changed; restore the file "
        "from a copy, or use another hydra.run.dir"
    )


def _check_torn(path: Path, lines: list[bytes], torn: bytes) -> None:
    """Check that what stands after the last line feed is what a killed process leaves: the beginning of one row.

    Raises:
        UserError: it is more than that, so that nothing may be cut off.
    """
    rest = torn.rstrip(b"\0")  # a machine that lost its power may leave zeros
    begin = b'{"row": "'
    excess = b"\r" in rest or not (begin.startswith(rest) or rest.startswith(begin))
    if not excess and lines:
        with suppress(ValueError, RecursionError):
            excess = json.JSONDecoder().raw_decode(rest.decode())[1] < len(rest.decode())
    if excess and lines:
        raise UserError(
            f"{path}, line {len(lines) + 1} has no line feed at its end and is not the beginning of a row, as a killed "
            "search leaves it; restore the file from a copy, or cut it before that line"
        )


def split_lines(content: bytes) -> tuple[list[bytes], bytes]:
    """The whole lines of a file, and what stands after the last line feed."""
    *lines, rest = content.split(b"\n")
    return lines, rest
