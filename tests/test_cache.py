"""What a process shares is made once, bounded, and forgotten in one place."""

import pytest

from uniads.cache import Cache


def test_a_thing_is_made_once() -> None:
    cache, made = Cache(), []
    for _ in range(3):
        assert cache.get("data", "digits", lambda: made.append(1) or len(made)) == 1
    assert made == [1]


def test_kinds_do_not_push_each_other_out() -> None:
    cache = Cache()
    cache.get("data", "a", lambda: 1)
    cache.get("teacher", "a", lambda: 2)
    assert cache.get("data", "a", lambda: 3) == 1


def test_the_least_recently_used_goes_first() -> None:
    cache = Cache()
    for key in ("a", "b", "a", "c"):
        cache.get("data", key, key.upper, size=2)
    assert cache.get("data", "a", lambda: "anew", size=2) == "A"
    assert cache.get("data", "b", lambda: "anew", size=2) == "anew"


def test_the_old_one_is_gone_before_the_new_one_is_made() -> None:
    """Two teachers may not fit into memory."""
    cache, seen = Cache(), []
    cache.get("teacher", "old", lambda: "old")
    cache.get("teacher", "new", lambda: seen.append(len(cache._kinds["teacher"])))
    assert seen == [0]


def test_what_can_not_be_made_is_tried_again() -> None:
    cache = Cache()
    with pytest.raises(ZeroDivisionError):
        cache.get("data", "a", lambda: 1 // 0)
    assert cache.get("data", "a", lambda: 1) == 1


def test_clear_forgets_everything() -> None:
    cache = Cache()
    cache.get("data", "a", lambda: 1)
    cache.clear()
    assert cache.get("data", "a", lambda: 2) == 2
