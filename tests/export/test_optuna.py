"""Exported studies, opened as a user opens them."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from uniads.export.optuna import IDLE, build_trials, export_studies
from uniads.search import Full, Ledger, Measure, Random, SearchSpace, Status, Trial, search
from uniads.search.account import Account, fingerprint


@pytest.fixture
def storage(account: Account, tmp_path: Path) -> JournalStorage:
    assert export_studies(account, str(tmp_path / "sub" / "journal.log"), "s") == ["s-epoch1", "s-epoch3"]
    return JournalStorage(JournalFileBackend(str(tmp_path / "sub" / "journal.log")))


def test_a_study_holds_the_trials_of_its_rung(account: Account, storage: JournalStorage) -> None:
    for rung, name in enumerate(("s-epoch1", "s-epoch3")):
        study = optuna.load_study(study_name=name, storage=storage)
        mine = [trial for trial in account.result.trials if trial.rung == rung]
        assert [trial.user_attrs["candidate"] for trial in study.trials] == [trial.candidate for trial in mine]
        for theirs, ours in zip(study.trials, mine, strict=True):
            done = ours.status is Status.COMPLETED
            assert theirs.state is (TrialState.COMPLETE if done else TrialState.PRUNED)
            assert theirs.values == (list(ours.values) if done else None)
            assert not theirs.intermediate_values
            assert theirs.user_attrs["overrides"] == " ".join(ours.overrides)
            assert theirs.user_attrs.get("reason", "") == ours.reason
    best = optuna.load_study(study_name="s-epoch3", storage=storage).best_trials
    assert {tuple(trial.values) for trial in best} == {trial.values for trial in account.result.front}


def test_every_trial_has_every_gene_and_what_is_off_says_so(account: Account, storage: JournalStorage) -> None:
    study = optuna.load_study(study_name="s-epoch1", storage=storage)
    ranges = study.trials[0].distributions
    assert list(ranges) == [dimension.key for dimension in account.space.dimensions]
    assert all(trial.distributions == ranges for trial in study.trials)
    off = [trial for trial in study.trials if trial.params["distiller.logits.weight"] == 0]
    assert off
    for trial in off:
        assert {key for key, value in trial.params.items() if value == IDLE} == {
            "transform@distiller.logits.transform.first", "distance@distiller.logits.distance", "distiller.logits.tau",
        }  # fmt: skip
    assert all(IDLE not in trial.params.values() for trial in study.trials if trial not in off)


def test_importances_and_new_trials_work_on_it(storage: JournalStorage) -> None:
    study = optuna.load_study(study_name="s-epoch1", storage=storage)
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=4, seed=0)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator, target=lambda trial: trial.values[0])
    assert found.keys() == study.trials[0].params.keys()
    asked = study.ask(dict(study.trials[0].distributions))
    study.tell(asked, [1.0, 1.0])


def test_sqlite_is_written_anew_and_studies_of_others_are_left(account: Account, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    few = Account(account.file, account.facts, account.space, type(account.result)(
        account.result.trials[:4], account.result.measures, account.result.top))  # fmt: skip
    for _ in range(2):
        assert export_studies(few, url, "s") == ["s-epoch1"]
        (summary,) = optuna.get_all_study_summaries(url)
        assert summary.n_trials == 4
    optuna.create_study(study_name="mine-epoch1", storage=url)
    with pytest.raises(ValueError, match="holds another study named 'mine-epoch1'"):
        export_studies(few, url, "mine")


def test_a_storage_that_can_not_be_opened_is_refused(account: Account) -> None:
    with pytest.raises(ValueError, match="storage=nosuch://x can't be opened"):
        export_studies(account, "nosuch://x", "s")


def test_a_timeline_has_the_lengths_of_the_trials_from_the_search_s_beginning(tmp_path: Path) -> None:
    space, measures = SearchSpace({"x": [1, 2, 3]}), [Measure("loss")]

    def take(trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            yield trial.completed({"loss": 1.0}, seconds=60.0 + trial.genome[0])

    ledger = Ledger(tmp_path / "ledger.jsonl", fingerprint(space, measures))
    search(space, take, Random(space), Full(1, 3), measures=measures, candidates=3, ledger=ledger)
    ledger.close()
    account = Account.of(ledger_file := tmp_path / "ledger.jsonl")
    os.utime(ledger_file, (10_000.0, 10_000.0))
    unknown = build_trials(account, 0)
    assert unknown[-1].datetime_complete == datetime.fromtimestamp(10_000.0), "the ledger's last change is the end"
    (tmp_path / "summary.json").write_text('{"started": "2020-02-03T04:05:06+00:00"}')
    trials = build_trials(account, 0)
    began = datetime(2020, 2, 3, 4, 5, 6, tzinfo=timezone.utc).astimezone().replace(tzinfo=None)
    assert trials[0].datetime_start == began
    for before, after in pairwise(trials):
        assert after.datetime_start == before.datetime_complete
    lengths = [trial.duration.total_seconds() for trial in trials if trial.duration is not None]
    assert lengths == [trial.seconds for trial in account.result.trials]
