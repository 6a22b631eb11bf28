"""Short names of genes, as figures and tables show them."""

from collections.abc import Sequence

from uniads.terminal.text import clean_text, shorten_text


def shorten_keys(keys: Sequence[str]) -> list[str]:
    """Short names of override keys, such as ``feature transform``; the keys themselves where two would be alike."""
    short = [shorten_text(_shorten_key(key)) for key in keys]
    return [name if short.count(name) == 1 else clean_text(key) for name, key in zip(short, keys, strict=True)]


def _shorten_key(key: str) -> str:
    path = key.rpartition("@")[2].split(".")
    path = path[1:] if path[0] in ("distiller", "student") and len(path) > 1 else path
    return " ".join(part for part in path if part != "first")
