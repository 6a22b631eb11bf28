"""Calls in the background: in order, without waiting, and without an error."""

from threading import Event

from uniads.logger.background import Background


def test_whoever_calls_does_not_wait_and_the_order_is_kept() -> None:
    gate, seen = Event(), list[int]()

    def open_it() -> list[int]:
        assert gate.wait(60)
        return seen

    background = Background(open_it, lambda opened, code: opened.append(code), lambda error: None)
    for number in range(100):
        background.call(lambda opened, number=number: opened.append(number))  # type: ignore[misc]
    assert seen == []
    assert not background.close(-1, 0.01), "it is not open yet"
    gate.set()
    background._thread.join(60)
    assert seen == [*range(100), -1]


def test_the_first_error_is_told_once_ends_the_calls_and_still_closes() -> None:
    told, seen = list[str](), list[object]()

    def fail(opened: object) -> None:
        raise SystemExit("gone")

    background = Background(
        lambda: "open", lambda opened, code: seen.append((opened, code)), lambda e: told.append(str(e))
    )
    for call in (fail, fail, seen.append):
        background.call(call)
    assert background.close(3, 60)
    assert told == ["gone"]
    assert seen == [("open", 3)]


def test_what_can_not_be_opened_is_told_and_not_closed() -> None:
    told, seen = list[BaseException](), list[object]()
    background = Background(lambda: 1 / 0, lambda opened, code: seen.append(code), told.append)
    background.call(seen.append)
    assert background.close(0, 60)
    assert [type(error) for error in told] == [ZeroDivisionError]
    assert seen == []
