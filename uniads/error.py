"""What a user can mend. Every other error is a mistake of this package."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """A wrong input: a value, a name, a file. Its message says what came, what is allowed and what to do.

    Commands print it as one sentence without a stack trace. It is a ``ValueError``, so that Python code which catches
    that goes on to do so.
    """


class UnknownNameError(UserError, LookupError):
    """A name of an option, a network, a key or a value that there is not."""


class MissingFileError(UserError, FileNotFoundError):
    """A file or folder that has to be there, and is not."""


class DirectoryError(UserError):
    """A run directory holds something else than the command goes on with. Nothing in it was changed."""


class MachineError(UserError):
    """The machine failed, not what it worked on: the same command can go on once it is mended."""


class FullDiskError(MachineError, OSError):
    """A disk, a quota, a shared memory or a file that is full."""


class DamagedFileError(UserError):
    """A file that is not whole, or is not what it should be."""


def unknown(kind: str, name: object, known: Iterable[object], advice: str = "") -> UnknownNameError:
    """The error for a name that is not known, with the nearest known names.

    Args:
        kind: what the name should be of, such as ``"distiller"``; it may begin with the key and a colon.
        name: what came.
        known: every name that is allowed.
        advice: what else can be done; a sentence.
    """
    names = [str(each) for each in known]
    hint = did_you_mean(str(name), names)
    more = "".join(f" {text}" for text in (hint, advice) if text)
    return UnknownNameError(f"there is no {kind} {name!r}; there are {', '.join(names)}.{more}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question with the known names that look like a name; empty where none does."""
    near = get_close_matches(name, list(known), n=3)
    return f"Did you mean {' or '.join(near)}?" if near else ""


LONGEST = 500
"""Signs of an error's first line that are kept."""


def safe_text(error: BaseException) -> str:
    """What an error says, in signs that any file and terminal takes; also where its own ``str`` fails."""
    try:
        text = str(error)[:100_000]
    except BaseException as fault:  # an exception of anybody's, in whatever state
        text = f"its message can't be shown: {type(fault).__name__}"
    return text.encode("utf-8", "backslashreplace").decode()


def first_line(error: BaseException) -> str:
    """The first line of what an error says, without signs that can't be printed, and not too long; may be empty."""
    first = next(iter(safe_text(error).strip().splitlines()), "")
    plain = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in first)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."
