"""Calls to something slow or fragile, made in a thread of their own: whoever asks for them neither waits nor fails."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any


class Background:
    """Opens something and uses it, call by call, in the order given. The first error ends it, and is told once.

    Args:
        open_it: opens what the calls get.
        close: closes it, also after an error; gets it and the exit code.
        tell: told the first error.
    """

    def __init__(
        self, open_it: Callable[[], Any], close: Callable[[Any, int], None], tell: Callable[[BaseException], None]
    ) -> None:
        self._open, self._close, self._tell = open_it, close, tell
        self._failed = False
        self._calls: SimpleQueue[Callable[[Any], None] | int] = SimpleQueue()
        self._thread = Thread(target=self._work, daemon=True, name="logging")
        self._thread.start()

    def call(self, use: Callable[[Any], None]) -> None:
        """Use it, as soon as it is open and all earlier calls were made; nothing happens after an error."""
        self._calls.put(use)

    def close(self, exit_code: int, seconds: float) -> bool:
        """Close it once all calls were made, waiting for at most so many seconds; returns whether that was enough."""
        self._calls.put(exit_code)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        opened = self._try(self._open)
        while not isinstance(call := self._calls.get(), int):
            if not self._failed:
                self._try(call, opened)
        if opened is not None:
            self._try(self._close, opened, call)

    def _try(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except (Exception, SystemExit) as error:  # a library's own error, whatever it is, never reaches the work
            if not self._failed:
                self._failed = True
                self._tell(error)
            return None
