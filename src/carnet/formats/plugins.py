"""Readers that others wrote: entry points of the group `carnet.readers`, loaded in workers, by name, when asked for.

An entry point gives an object with `takes(head)`, which says of a file's first 4096 bytes whether they are of its
format, and `open(source, name)`, which gives a `Reader`. A plug-in is asked only about what no reader of carnet
takes. What fails in it (its import, an exception, its time, an answer of another form, nothing found) blocks the
file with the plug-in's name: what a person wanted read is not passed on half looked at.
"""

from __future__ import annotations

import builtins
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from types import FrameType
from typing import Any, BinaryIO

from carnet.errors import InputError
from carnet.formats.reader import BlockedReader, Message, OutsideText, Reader, Stream
from carnet.model.factsheet import ReadState

GROUP = "carnet.readers"
RECOGNISERS, DETECTORS = "carnet.recognisers", "carnet.detectors"
GROUPS = (GROUP, RECOGNISERS, DETECTORS)
"""What a plug-in can be; recognisers and detectors are asked in `carnet.classify.foreign`."""

SECONDS = 300.0
"""How long a plug-in may take over one file; what cannot be interrupted ends with its worker."""


class OutOfTimeError(BaseException):
    """A plug-in took longer than it may; no `except Exception` of its own stops this."""


def kind_of(error: BaseException) -> str:
    """Name the kind of an error by the nearest class that Python or carnet has: others may name theirs by a value."""
    known = (*vars(builtins).values(), OutOfTimeError)
    return next(one.__name__ for one in type(error).__mro__ if any(one is each for each in known))


def check_installed(names: Sequence[str]) -> None:
    """Raise `InputError` for a plug-in that is not there, or there twice; nothing of it is loaded."""
    for name in names:
        found = [len(entry_points(group=group, name=name)) for group in GROUPS]
        if not any(found) or max(found) > 1:
            raise InputError(
                "no plug-in of this name is installed"
                if not any(found)
                else "two packages bring a plug-in of this name",
                where=f"--plugin {name[:60]}",
                remedy="install its package beside carnet, once",
            )


def open_with(
    names: Sequence[str], source: BinaryIO, name: str, head: bytes, *, seconds: float = SECONDS
) -> Reader | None:
    """Open a file that carnet does not know with the first plug-in that takes it.

    Args:
        names: the plug-ins that were asked for, in this order.
        source: the file, at its start.
        name: its name.
        head: its first bytes.
        seconds: the time that a plug-in has for it.

    Returns:
        The reader; a blocked one where a plug-in failed; None where each says that it is not of its format.
    """
    for one in names:
        try:
            with timed(seconds):
                points = tuple(entry_points(group=GROUP, name=one))
                if not points:
                    continue  # a recogniser or a detector
                (point,) = points
                plugin: Any = point.load()
                takes = plugin.takes(head)
                if not isinstance(takes, bool):
                    return BlockedReader(f"the plug-in {one} does not say whether it takes a file")
                if not takes:
                    continue
                inner = plugin.open(source, name)
        # Whatever foreign code raises is told by its kind; its words may quote the file.
        except (Exception, SystemExit, OutOfTimeError) as error:  # noqa: BLE001
            return BlockedReader(f"the plug-in {one} failed: {kind_of(error)}")
        if not isinstance(inner, Reader):
            return BlockedReader(f"the plug-in {one} gave no reader")
        return _Guarded(one, inner, seconds)
    return None


class _Guarded(Reader):
    """A foreign reader whose failures block the file."""

    def __init__(self, plugin: str, inner: Reader, seconds: float) -> None:
        super().__init__()
        self._plugin, self._inner, self._left = plugin, inner, seconds
        self._streams: tuple[Stream, ...] = ()
        self._outside: tuple[OutsideText, ...] | None = None
        self.format = plugin

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams, once the messages were read."""
        return self._streams

    def messages(self) -> Iterator[Message]:
        """Give the messages until the plug-in fails; each call into it is on its time."""
        found = 0
        try:
            with self._on_time():
                iterator = iter(self._inner.messages())
            while True:
                with self._on_time():
                    message = next(iterator, None)
                if message is None:
                    break
                if not _is_whole(message):
                    self.block(f"the plug-in {self._plugin} gave something that is no message")
                    return
                found += 1
                yield message
            with self._on_time():
                streams = tuple(self._inner.streams)
                outside = tuple(self._inner.outside())
                state, reason = self._inner.state, self._inner.reason
        except (Exception, SystemExit, OutOfTimeError) as error:  # noqa: BLE001 - as in `open_with`
            self.block(f"the plug-in {self._plugin} failed: {kind_of(error)}")
            return
        if not all(isinstance(one, Stream) for one in streams) or not all(
            isinstance(one, OutsideText) and isinstance(one.data, bytes) for one in outside
        ):
            self.block(f"the plug-in {self._plugin} gave something that is no stream")
            return
        self._streams, self._outside, self._complete = streams, outside, True
        if state is ReadState.BLOCKED or not found:
            self.block(f"the plug-in {self._plugin} found nothing in it")
        elif reason:
            self.lose(f"the plug-in {self._plugin} did not read all of it")

    def outside(self) -> tuple[OutsideText, ...]:
        """Give what lies outside payloads."""
        return self._outside or ()

    @contextmanager
    def _on_time(self) -> Iterator[None]:
        with timed(self._left) as left:
            yield
        self._left = left()


def _is_whole(message: Any) -> bool:
    return (
        isinstance(message, Message)
        and isinstance(message.stream, Stream)
        and isinstance(message.data, bytes)
        and all(isinstance(one, int) for one in (message.log_time_ns, message.publish_time_ns, message.rows))
        and message.rows > 0
    )


@contextmanager
def timed(seconds: float) -> Iterator[Any]:
    """Raise `OutOfTimeError` in what runs longer; gives what tells the seconds that are left."""
    if seconds <= 0:
        raise OutOfTimeError

    def late(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise OutOfTimeError

    left = seconds
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield lambda: left
    finally:
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0]
        signal.signal(signal.SIGALRM, before)
