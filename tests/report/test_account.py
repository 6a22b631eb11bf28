"""A ledger alone says what a search was."""

import json
from pathlib import Path

import pytest

from tests.recorded import Recorded
from uniads.search import Ledger
from uniads.search.account import Account


def test_a_ledger_gives_the_searchs_own_result(recorded: Recorded) -> None:
    found, made = recorded.account.result, recorded.result
    assert found.trials == made.trials
    assert found.weights == made.weights
    assert (found.measures, found.top) == (made.measures, made.top)
    assert (found.front, found.best, found.knee) == (made.front, made.best, made.knee)
    assert (found.hypervolume, found.epochs_spent) == (made.hypervolume, made.epochs_spent)


def headed(recorded: Recorded, folder: Path, **changes: object) -> Path:
    """The ledger with another header."""
    header, *rows = recorded.file.read_text().splitlines()
    facts = json.loads(header)["fingerprint"] | changes
    file = folder / "ledger.jsonl"
    kept = {name: value for name, value in facts.items() if value is not None}
    file.write_text("\n".join([json.dumps({"row": "header", "fingerprint": kept}), *rows]) + "\n")
    return file


def test_a_target_that_the_header_lacks_follows_from_the_trials(recorded: Recorded, tmp_path: Path) -> None:
    old = {"loss": {"name": "val_loss", "target": None}, "size": {"name": "params", "target": "pair"}}
    found = Account.of(headed(recorded, tmp_path, minimised=None, measures=old))
    assert [(measure.name, measure.target) for measure in found.result.measures] == [
        ("val_loss", None),
        ("params", 3000),
    ]
    assert found.result.front == recorded.result.front


def test_a_space_that_the_header_lacks_follows_from_the_trials(recorded: Recorded, tmp_path: Path) -> None:
    space = Account.of(headed(recorded, tmp_path, space=None)).space
    assert space.size == recorded.account.space.size
    trial = recorded.result.trials[0]
    assert space.overrides(trial.genome) == trial.overrides


def test_what_is_no_search_is_refused_in_a_sentence(recorded: Recorded, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no ledger at .*none\.jsonl; a search writes one"):
        Account.of(tmp_path / "none.jsonl")
    Ledger(tmp_path / "empty.jsonl", {}).close()
    with pytest.raises(ValueError, match=r"holds no trial yet"):
        Account.of(tmp_path / "empty.jsonl")
    with pytest.raises(ValueError, match="does not say what was minimised"):
        Account.of(headed(recorded, tmp_path, minimised=None))
