"""Where the teacher's answers are kept."""

from dataclasses import dataclass
from pathlib import Path

from uniads.error import UserError

STORE_DTYPES = ("float32", "float16", "bfloat16", "auto")


@dataclass(frozen=True)
class TeacherStoreSettings:
    """Where the teacher's answers are kept for other trainings or later epochs.

    Attributes:
        directory: None: they are not kept.
        own: whether the directory is this training's alone and goes when the training ends.
        dtype: ``float32``, ``float16``, ``bfloat16`` or ``auto``.
        max_gb: room, in 10⁹ bytes.

    Raises:
        UserError: ``dtype`` is none of the four.
    """

    directory: Path | None
    own: bool
    dtype: str
    max_gb: float

    def __post_init__(self) -> None:
        if self.dtype not in STORE_DTYPES:
            raise UserError(f"teacher_store.dtype must be one of {', '.join(STORE_DTYPES)}, got {self.dtype!r}")
