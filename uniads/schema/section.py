"""What all sections of a configuration share: the keys of each are known, and each names its own mistakes."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

OURS = "uniads."
"""How the targets of this package begin; a class from elsewhere judges its own arguments."""

TARGET = "_target_"
UNKNOWN, MISSING, REFUSED = "unknown", "missing", "refused"
"""Types of errors: a key that there is not, one that is missing, and one with a sentence of its own."""


def refuse(text: str, key: str = "") -> PydanticCustomError:
    """The error of a section for which a sentence of its own says what is wrong.

    Args:
        text: what follows the key's name.
        key: the key inside of the section; empty for the section itself.
    """
    return PydanticCustomError(REFUSED, "refused", {"text": text, "key": key})


class Section(BaseModel):
    """A group of keys, all of them known.

    Attributes:
        advice: what to do where the section itself is no group of keys.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, protected_namespaces=())
    advice: ClassVar[str] = ""

    @classmethod
    def is_open(cls, given: Mapping[str, Any]) -> bool:
        """Whether keys that are not known here are somebody else's to judge."""
        del given
        return False

    @model_validator(mode="before")
    @classmethod
    def _know_keys(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            raise refuse(f"must be a group of keys{cls.advice}")
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        if not cls.is_open(given):
            for key in given:
                if key not in fields:
                    known = [name for name in fields if name != TARGET]
                    raise PydanticCustomError(UNKNOWN, "unknown", {"key": str(key), "known": known})
        return given


class Made(Section):
    """A group of keys of which an object is made; those of a class from elsewhere are not known here."""

    @classmethod
    def is_open(cls, given: Mapping[str, Any]) -> bool:
        return not str(given.get(TARGET, "")).startswith(OURS)


def find_part(advice: str) -> BeforeValidator:
    """What ``_target_`` describes: its class judges its keys when it is known.

    Args:
        advice: how to choose one.
    """

    def judge(given: Any) -> Any:
        if not isinstance(given, Mapping):
            raise refuse(f"must be an option or a group of keys with {TARGET}; {advice}")
        if not isinstance(given.get(TARGET), str) or not given[TARGET]:
            raise refuse(f"must name a class; {advice}", TARGET)
        return dict(given)

    return BeforeValidator(judge)


def find_optional_part(advice: str) -> BeforeValidator:
    """As ``find_part``, or null."""
    judge = find_part(advice).func

    def judge_some(given: Any) -> Any:
        return None if given is None else judge(given)  # type: ignore[call-arg]

    return BeforeValidator(judge_some)


Facts = dict[str, Any]
Network = Annotated[Facts, find_part("choose a network with +model@KEY=resnet20")]
