"""A blueprint makes an object as often as it is needed."""

from dataclasses import FrozenInstanceError

import pytest

from uniads.settings.blueprint import Blueprint

FACTS = {"_target_": "somewhere.Thing", "size": 2}


def make(facts: dict[str, object], **more: object) -> dict[str, object]:
    return {**facts, **more}


def test_every_call_makes_a_new_object_and_keywords_replace_values() -> None:
    blueprint = Blueprint(FACTS, make)
    first, second = blueprint(), blueprint(size=3)
    assert first is not blueprint()
    assert (first["size"], second["size"]) == (2, 3)
    assert blueprint.facts == FACTS


def test_its_name_and_its_key_follow_from_its_configuration() -> None:
    blueprint = Blueprint(FACTS, make)
    assert (blueprint.target, blueprint.name) == ("somewhere.Thing", "Thing")
    assert blueprint.key == Blueprint(dict(reversed(FACTS.items())), make).key
    assert blueprint.key != Blueprint({**FACTS, "size": 3}, make).key


def test_it_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Blueprint(FACTS, make).facts = {}  # type: ignore[misc]
