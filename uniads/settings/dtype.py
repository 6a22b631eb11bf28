"""In which precision a network is asked to compute."""

from uniads.error import UserError

FLOAT32, BFLOAT16 = "float32", "bfloat16"
ALLOWED = (FLOAT32, BFLOAT16, "auto")


def check_dtype(key: str, dtype: str) -> None:
    """Check what a key says.

    Raises:
        UserError: it is none of the three.
    """
    if dtype not in ALLOWED:
        raise UserError(f"{key} must be float32, bfloat16 or auto, got {dtype!r}")
