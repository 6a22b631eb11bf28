"""Texts from a ledger, which anyone may have written, as files and figures can hold them."""

import unicodedata


def clean_text(text: str) -> str:
    """A text on one line that any file can hold: a mark stands for each control character, and for half a sign."""
    plain = " ".join(text.split())
    return "".join("�" if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in plain)


def shorten_text(text: str, length: int = 40) -> str:
    """A clean text of at most so many characters, as a figure has room for."""
    plain = clean_text(text)
    return plain if len(plain) <= length else f"{plain[: length - 1]}…"


def disarm_formula(text: str) -> str:
    """A text that a spreadsheet takes for a text: behind an apostrophe where it would be a formula.

    Source: OWASP, CSV injection.
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
