"""The kinds of values that keys take, each with the words that say what is allowed.

A text is no number and no switch, and a number with a point is no count; a whole number may stand for one with a point.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

ALLOWED = "allowed"
"""The type of an error whose context says what is allowed."""


def says(allowed: str, advice: str = "") -> WrapValidator:
    """Whatever is wrong with a value is told in these words: what may stand there.

    Args:
        allowed: goes on from "KEY must be".
        advice: what else to do; it ends the sentence.
    """

    def judge(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise not_allowed(allowed, advice) from None

    return WrapValidator(judge)


def not_allowed(allowed: str, advice: str = "") -> PydanticCustomError:
    """The error of a value that may not stand where it does; see ``says``."""
    return PydanticCustomError(ALLOWED, "{allowed}", {"allowed": allowed, "advice": advice})


def must_map(allowed: str, least: int = 0) -> BeforeValidator:
    """The value has to be a group of keys.

    Args:
        allowed: see ``says``.
        least: so many keys it needs.
    """

    def judge(value: Any) -> Any:
        if not isinstance(value, Mapping) or len(value) < least:
            raise not_allowed(allowed)
        return value

    return BeforeValidator(judge)


def must_rise(values: list[int]) -> list[int]:
    """The numbers, if each is larger than the one before."""
    if any(after <= before for before, after in pairwise(values)):
        raise ValueError
    return values


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=1)]

Switch = Annotated[bool, says("true or false")]
Text = Annotated[str, StringConstraints(min_length=1), says("a text")]
Folder = Annotated[str, StringConstraints(min_length=1), says("the path of a folder")]
File = Annotated[str, StringConstraints(min_length=1), says("the path of a file")]
OptionalFolder = Annotated[
    Annotated[str, StringConstraints(min_length=1)] | None, says("the path of a folder, or null for none")
]
OptionalFile = Annotated[
    Annotated[str, StringConstraints(min_length=1)] | None, says("the path of a file, or null for none")
]
Count = Annotated[int, Field(ge=1), says("a whole number above 0")]
OptionalCount = Annotated[Whole | None, says("a whole number above 0, or null")]
Seed = Annotated[int, Field(ge=0, lt=2**32), says(f"a whole number from 0 to {2**32 - 1}")]
AnyWhole = Annotated[int, says("a whole number")]
Length = Annotated[int, Field(ge=0), says("a whole number, 0 or more")]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False), says("a number above 0")]
From0 = Annotated[float, Field(ge=0, allow_inf_nan=False), says("a number, 0 or more")]
OptionalAbove0 = Annotated[Positive | None, says("a number above 0, or null for no limit")]
Share = Annotated[float, Field(ge=0, le=1), says("a number from 0 to 1")]
OptionalShare = Annotated[Annotated[float, Field(ge=0, le=1)] | None, says("a number from 0 to 1, or null")]
OpenShare = Annotated[float, Field(gt=0, lt=1), says("a number above 0 and below 1")]
PartialShare = Annotated[float, Field(gt=0, le=1), says("a number above 0 and at most 1")]
Numbers = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], says("a list of numbers")]
MemoryFormat = Annotated[Literal["auto", "channels_last", "contiguous"], says("auto, channels_last or contiguous")]
Dtype = Annotated[Literal["float32", "bfloat16", "auto"], says("float32, bfloat16 or auto")]
Compiling = Annotated[bool | Literal["auto", "graphs"], says("true, false, auto or graphs")]
