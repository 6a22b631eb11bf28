"""One error for what a user can mend, with kinds where callers need them."""

import pickle

import pytest

from uniads.error import FullDiskError, MissingFileError, UnknownNameError, UserError, did_you_mean, unknown


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (UserError, ValueError),
        (UnknownNameError, LookupError),
        (MissingFileError, FileNotFoundError),
        (FullDiskError, OSError),
    ],
)
def test_every_kind_is_a_user_error_and_what_python_calls_it(kind: type[UserError], builtin: type[Exception]) -> None:
    with pytest.raises(UserError, match=r"^a sentence$"):
        raise kind("a sentence")
    with pytest.raises(builtin, match=r"^a sentence$"):
        raise kind("a sentence")


@pytest.mark.parametrize("kind", [UserError, UnknownNameError, MissingFileError, FullDiskError])
def test_an_error_reaches_another_process_whole(kind: type[UserError]) -> None:
    error = pickle.loads(pickle.dumps(kind("a sentence")))
    assert (type(error), str(error)) == (kind, "a sentence")


def test_an_unknown_name_is_answered_with_all_and_the_nearest() -> None:
    error = unknown("transform", "sat", ["satt", "drop", "mask"], "One of your own: --config-dir.")
    assert str(error) == (
        "there is no transform 'sat'; there are satt, drop, mask. Did you mean satt? One of your own: --config-dir."
    )


def test_a_name_like_no_other_gets_no_guess() -> None:
    assert did_you_mean("zzz", ["satt", "natt"]) == ""
    assert str(unknown("transform", "zzz", ["satt"])) == "there is no transform 'zzz'; there are satt."
