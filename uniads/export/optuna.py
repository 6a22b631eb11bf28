"""Optuna studies of a search: one a rung, so that values of different rungs never meet. The ledger stays the truth."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from uniads.error import UserError
from uniads.report.search.summary import Summary
from uniads.search.account import Account
from uniads.search.objective import Measure
from uniads.search.space import Genome, SearchSpace
from uniads.search.trial import Status, Trial

IDLE = "(off)"
"""Stands in place of the value of an idle gene, such as a transform of a term of weight 0."""

STATES = {
    Status.COMPLETED: TrialState.COMPLETE,
    Status.REJECTED: TrialState.PRUNED,
    Status.FAILED: TrialState.FAIL,
}


def build_distributions(space: SearchSpace) -> dict[str, CategoricalDistribution]:
    """Every gene with all of its values, the same for every trial: importances leave out whatever changes."""
    optional = space.optional_genes
    return {
        dimension.key: CategoricalDistribution((*dimension.values, *([IDLE] if gene in optional else [])))
        for gene, dimension in enumerate(space.dimensions)
    }


def build_trials(account: Account, rung: int) -> list[FrozenTrial]:
    """The trials of a rung as Optuna's. Rejected ones are PRUNED, without values of any kind.

    A ledger knows how long each trial took, not when it ran. So their times follow one another in its order, from when
    the search began: the lengths on a timeline are real, and trials that ran at the same time stand one after another.
    """
    ranges = build_distributions(account.space)
    starts = _find_starts(account)
    return [
        _set_times(
            optuna.create_trial(
                state=STATES[trial.status],
                values=list(trial.values) or None,
                params=_build_params(account.space, trial.genome, ranges),
                distributions=dict(ranges),
                user_attrs=_build_attributes(trial),
            ),
            start,
            trial.seconds,
        )
        for trial, start in zip(account.result.trials, starts, strict=True)
        if trial.rung == rung
    ]


def _find_starts(account: Account) -> list[datetime]:
    """When each trial would have begun if they had run one after another; in local time, as Optuna has it.

    Without a note of when the search began it is assumed to have ended when its ledger was last changed.
    """
    before = [0.0, *accumulate(trial.seconds for trial in account.result.trials)]
    began = Summary.read(account.file.parent).start
    if began is None:
        began = datetime.fromtimestamp(account.file.stat().st_mtime - before[-1], timezone.utc)
    local = began.astimezone().replace(tzinfo=None)
    return [local + timedelta(seconds=seconds) for seconds in before[:-1]]


def _set_times(trial: FrozenTrial, start: datetime, seconds: float) -> FrozenTrial:
    trial.datetime_start, trial.datetime_complete = start, start + timedelta(seconds=seconds)
    return trial


def _build_params(space: SearchSpace, genome: Genome, ranges: Mapping[str, CategoricalDistribution]) -> dict[str, Any]:
    return {key: ranges[key].choices[gene] for key, gene in zip(ranges, space.effective_genome(genome), strict=True)}


def _build_attributes(trial: Trial) -> dict[str, Any]:
    attributes = {"candidate": trial.candidate, "seed": trial.seed, "generation": trial.generation, **trial.outcome}
    return {**attributes, "overrides": " ".join(trial.overrides), **({"reason": trial.reason} if trial.reason else {})}


def build_study(
    account: Account, rung: int, storage: BaseStorage | None = None, name: str | None = None
) -> optuna.Study:
    """A new study of one rung, in memory when no storage is given."""
    directions = [StudyDirection.MINIMIZE] * len(account.result.measures)
    with _silence_optuna():
        study = optuna.create_study(
            storage=storage, study_name=name, directions=directions, sampler=RandomSampler(seed=0)
        )
        study.set_metric_names([_name_measure(measure) for measure in account.result.measures])
    study.set_user_attr("ledger", str(account.file.resolve()))
    study.set_user_attr("epochs", account.rung_epochs[rung])
    study.add_trials(build_trials(account, rung))
    return study


def _name_measure(measure: Measure) -> str:
    return measure.name if measure.target is None else f"{measure.name}, distance from {measure.target:,.6g}"


@contextmanager
def _silence_optuna() -> Iterator[None]:
    """Keep Optuna's notices off the terminal."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with catch_warnings():
            simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def export_studies(account: Account, storage: str, name: str) -> list[str]:
    """Write one study for each rung that was reached, named ``<name>-epoch<epochs>``; an earlier export is replaced.

    Args:
        account: the search.
        storage: an URL, such as ``sqlite:///optuna.db``, or the path of a journal file, which is the fastest.
        name: what the studies' names begin with.

    Returns:
        The studies' names.

    Raises:
        UserError: the storage can't be opened, or holds a study of such a name from elsewhere.
    """
    names = {rung: f"{name}-epoch{epochs}" for rung, epochs in account.rung_epochs.items()}
    with _open_storage(storage) as database:
        known = {summary.study_name: summary for summary in optuna.get_all_study_summaries(database)}
        for study_name in names.values():
            if study_name in known:
                if known[study_name].user_attrs.get("ledger") != str(account.file.resolve()):
                    raise UserError(f"{storage} holds another study named {study_name!r}; give this one name=NAME")
                optuna.delete_study(study_name=study_name, storage=database)
        for rung, study_name in names.items():
            build_study(account, rung, database, study_name)
    return list(names.values())


@contextmanager
def _open_storage(storage: str) -> Iterator[BaseStorage]:
    """Open the storage of an URL or path, and close it in the end."""
    if "://" not in storage:
        Path(storage).parent.mkdir(parents=True, exist_ok=True)
        yield JournalStorage(JournalFileBackend(storage))
        return
    file = Path(storage.removeprefix("sqlite:///"))
    if storage.startswith("sqlite:///") and not file.exists():
        with _fill_in_memory(file) as database:
            yield database
        return
    try:
        database = RDBStorage(storage)
    except (SQLAlchemyError, ImportError, RuntimeError) as error:
        raise UserError(f"storage={storage} can't be opened: {str(error).splitlines()[0]}") from error
    try:
        yield database
    finally:
        database.engine.dispose()


@contextmanager
def _fill_in_memory(file: Path) -> Iterator[RDBStorage]:
    """A new SQLite file, filled in memory and written at the end, since a file would be synced after every value."""
    database = RDBStorage(
        "sqlite:///:memory:", engine_kwargs={"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    )
    try:
        yield database
        file.parent.mkdir(parents=True, exist_ok=True)
        raw = database.engine.raw_connection()
        target = sqlite3.connect(file)
        raw.driver_connection.backup(target)  # type: ignore[union-attr]
        target.close()
        raw.close()
    finally:
        database.engine.dispose()
