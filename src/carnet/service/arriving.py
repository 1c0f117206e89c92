"""Recordings that are arriving: whose they are, one step at a time, and forgotten when nobody goes on with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet.errors import InputError, RefusedError
from carnet.model.ids import PersonId
from carnet.service.recordings import Recordings
from carnet.service.uploads import Upload

_MOST = 64
_IDLE = timedelta(hours=1)


@dataclass
class _Arriving:
    upload: Upload
    person: PersonId
    touched: datetime
    busy: bool = False


class Uploads:
    """The uploads of one node. What an upload wrote is removed when it breaks off or is left lying."""

    def __init__(self, recordings: Recordings, clock: Callable[[], datetime]) -> None:
        self._recordings = recordings
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, _Arriving] = {}

    def __len__(self) -> int:
        return len(self._open)

    def keep(self, upload: Upload, person: PersonId) -> None:
        """Take up a new one; those that nobody touched for an hour are given up.

        Raises:
            RefusedError: too many are open.
        """
        now = self._clock()
        with self._lock:
            idle = [n for n, one in self._open.items() if not one.busy and now - one.touched > _IDLE]
            left = [self._open.pop(name) for name in idle]
            full = len(self._open) >= _MOST
            if not full:
                self._open[upload.id] = _Arriving(upload, person, now)
        for one in left:
            self._recordings.give_up(one.upload)
        if full:
            raise RefusedError(f"{_MOST} uploads are open already", remedy="finish one, or wait an hour")

    @contextmanager
    def using(self, identifier: str, person: PersonId) -> Iterator[Upload]:
        """Give an upload to its person for one step; when the step fails, the upload is given up.

        Raises:
            InputError: there is none of this id, or not of this person.
            RefusedError: another step of it is under way.
        """
        with self._lock:
            found = self._open.get(identifier)
            if found is None or found.person != person:
                raise InputError("no such upload is open", remedy="begin again: carnet ingest")
            if found.busy:
                raise RefusedError("a file of this recording is arriving", remedy="send one after the other")
            found.busy = True
        try:
            yield found.upload
        except BaseException:
            self.forget(identifier)
            self._recordings.give_up(found.upload)
            raise
        finally:
            found.touched, found.busy = self._clock(), False

    def forget(self, identifier: str) -> None:
        """Take one off the list, when it is finished or given up."""
        with self._lock:
            self._open.pop(identifier, None)
