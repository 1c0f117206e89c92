"""The one place that opens a connection to a bucket, for the command line alone: list, and read ranges.

Reading is all it can do. Import contracts keep it out of the node and its workers.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from carnet.errors import InputError, UnreadableError, missing_extra

PAGE = 1000
"""Objects a listing request gives (Amazon S3 API, ListObjectsV2)."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a bucket: key, length in bytes, entity tag, time of change (ISO 8601)."""

    key: str
    size: int
    etag: str
    modified: str


class Bucket:
    """A bucket that is read."""

    def __init__(self, name: str, *, region: str, endpoint: str | None = None) -> None:
        """Connect at the first request.

        Args:
            name: the bucket.
            region: the region that requests are signed for; Amazon refuses those of another.
            endpoint: of a server that is not Amazon's; plain HTTP only on this machine.

        Raises:
            InputError: an endpoint over plain HTTP elsewhere.
            MissingExtraError: obstore is not installed.
        """
        try:
            from obstore.store import S3Store
        except ImportError as error:
            raise missing_extra(
                error, "scanning a bucket needs the library obstore", remedy="pip install 'carnet[lake]'"
            ) from error
        settings: dict[str, Any] = {"region": region}
        if endpoint is not None:
            where = urlsplit(endpoint)
            plain = where.scheme == "http"
            if where.scheme not in {"http", "https"} or (plain and where.hostname not in _LOOPBACK):
                raise InputError(
                    "an endpoint is https://…, or http:// on this machine alone", where="--endpoint"
                )
            settings |= {"endpoint": endpoint, "client_options": {"allow_http": plain}}
        if not any(one.startswith(("AWS_", "aws_")) for one in os.environ):
            settings["skip_signature"] = endpoint is not None
        self._store = S3Store(name, **settings)
        self.name = name
        self.requests = 0
        self.bytes = 0
        self._lock = threading.Lock()

    def list(self, prefix: str) -> Iterator[list[StoredObject]]:
        """Give the objects under a prefix, a page at a time.

        Raises:
            UnreadableError: the bucket cannot be listed.
        """
        import obstore

        try:
            for page in obstore.list(self._store, prefix or None, chunk_size=PAGE):
                self._count(0)
                yield [
                    StoredObject(
                        str(one["path"]),
                        int(one["size"]),
                        str(one["e_tag"] or "").strip('"'),
                        one["last_modified"].isoformat(),
                    )
                    for one in page
                ]
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _unreadable(error, "the bucket cannot be listed", self.name) from error

    def range(self, key: str, start: int, length: int) -> bytes:
        """Read a part of an object.

        Raises:
            UnreadableError: it cannot be read.
        """
        import obstore

        try:
            data = bytes(obstore.get_range(self._store, key, start=start, length=length))
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _unreadable(error, "an object cannot be read", self.name) from error
        self._count(len(data))
        return data

    def _count(self, length: int) -> None:
        with self._lock:
            self.requests += 1
            self.bytes += length


_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,40})</Code>")
_CAUSES = {
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY and --bucket-region: requests are signed with both",
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "NoSuchBucket": "check the name of the bucket",
    "AccessDenied": "ask for the right to list and to read this bucket",
}
_REMEDY = "check bucket, --bucket-region (requests are signed for it), --endpoint and AWS_ACCESS_KEY_ID"


def _unreadable(error: Exception, what: str, bucket: str) -> UnreadableError:
    """Say what failed by status and code of the answer: the rest of the error's text may quote keys and names."""
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    said = " ".join(found[1] for found in (status, code) if found)
    if said:
        return UnreadableError(
            f"{what}: the server answers {said}",
            where=f"s3://{bucket}",
            remedy=_CAUSES.get(code[1] if code else "", _REMEDY),
        )
    if "error sending request" in text:
        return UnreadableError(
            f"{what}: no server answers", where=f"s3://{bucket}", remedy="check --endpoint and the network"
        )
    return UnreadableError(f"{what}: {type(error).__name__}", where=f"s3://{bucket}", remedy=_REMEDY)


class RangeFile(io.RawIOBase):
    """An object as a seekable file of which at most so many bytes are fetched.

    Blocks are kept once fetched. Beyond the budget it ends, and `spent` says so: whoever reads it must not take that
    for the object's end.
    """

    def __init__(self, bucket: Bucket, one: StoredObject, budget: int, block: int = 1 << 16) -> None:
        self._bucket, self._object, self._block = bucket, one, block
        self._left = budget
        self._position = 0
        self._blocks: dict[int, bytes] = {}
        self.spent = False

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be moved about in."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._object.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Give the position."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read up to so many bytes; fewer only at the end, or when the budget is spent."""
        end = self._object.size if size < 0 else min(self._object.size, self._position + size)
        parts: list[bytes] = []
        while self._position < end:
            number = self._position // self._block
            if number not in self._blocks and not self._fetch(number, (end - 1) // self._block):
                break
            held = self._blocks[number]
            at = self._position - number * self._block
            piece = held[at : at + end - self._position]
            if not piece:
                break
            parts.append(piece)
            self._position += len(piece)
        self.spent |= self._position < end
        return b"".join(parts)

    def _fetch(self, first: int, last: int) -> bool:
        """Fetch blocks from one on, as many as lie together and the budget allows, in one request."""
        count = 1
        while first + count <= last and first + count not in self._blocks:
            count += 1
        start = first * self._block
        length = min(count * self._block, self._object.size - start, self._left)
        if length <= 0:
            return False
        data = self._bucket.range(self._object.key, start, length)
        self._left -= len(data)
        for place in range(0, len(data), self._block):
            self._blocks[first + place // self._block] = data[place : place + self._block]
        return bool(data)
