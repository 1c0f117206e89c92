"""`carnet scan s3://…`: a bucket looked at where it lies, by ranges, with a checkpoint.

Of every object at most 1 MiB is fetched; one that is longer is `partly` at best, unless it is in the sample that is
read whole. What has been looked at stands in a journal, so that a scan that was killed goes on; an earlier inventory
spares what has the same key, size and entity tag. Keys in journal and inventory have what identifies replaced; an
object is told again by a keyed hash, whose key lies beside the inventory and does not travel with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import queue
import secrets
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from carnet.classify.keys import shown_key
from carnet.errors import CarnetError, InputError, MissingExtraError, UnreadableError
from carnet.formats.can_databases import SUFFIXES
from carnet.model.factsheet import FactSheet, ReadState
from carnet.service.lake_store import PAGE, Bucket, RangeFile, StoredObject
from carnet.service.workers import Worker

BUDGET = 1 << 20
BLOCK = 1 << 16
AT_ONCE = 2
MOST_OBJECTS = 1_000_000
MOST_FAILURES = 20
"""Objects one after the other that cannot be read: then the bucket is gone, not the objects."""

_LARGEST_DATABASE = 1 << 20
_ID_BYTES = 16
_LIST_USD, _GET_USD = 0.005 / 1000, 0.0004 / 1000
"""Amazon S3 Standard in us-east-1, for a request: https://aws.amazon.com/s3/pricing/ (other regions cost more)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a scan will fetch at most: objects, requests of both kinds, bytes."""

    objects: int
    taken_over: int
    lists: int
    gets: int
    bytes: int

    def sentence(self, second_a_request: float) -> str:
        """Say it, with money and time.

        Args:
            second_a_request: how long a request took while the bucket was listed.
        """
        money = self.lists * _LIST_USD + self.gets * _GET_USD
        minutes = self.gets * max(second_a_request, 0.005) / AT_ONCE / 60 + self.bytes / 50e6 / 60
        return (
            f"{self.objects:,} objects to look at, {self.taken_over:,} taken over; at most {self.gets:,} reads and "
            f"{self.bytes / 1e6:,.1f} MB; about {max(minutes, 0.1):,.1f} minutes at 50 MB/s; requests cost about "
            f"{money:.4f} USD at Amazon's list price for us-east-1, transfer out of the region extra"
        )


@dataclass(frozen=True, slots=True)
class Looked:
    """An object that was looked at: what it is told by, its key as shown, and its sheet."""

    id: str
    size: int
    etag: str
    modified: str
    shard: str
    key: str
    whole: bool
    sheet: FactSheet

    def to_json(self) -> dict[str, Any]:
        """Give it as a line of the journal."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "sheet"}
        return plain | {"sheet": self.sheet.to_json()}

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Looked:
        """Read a line of the journal; raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        plain = {name: form[name] for name in cls.__slots__ if name != "sheet"}
        return cls(**plain, sheet=FactSheet.from_json(form["sheet"]))


def objects_of(bucket: Bucket, prefix: str) -> list[StoredObject]:
    """List a bucket; beyond a million objects its listing is the better way."""
    found: list[StoredObject] = []
    for page in bucket.list(prefix):
        found += [one for one in page if not one.key.endswith("/")]
        if len(found) > MOST_OBJECTS:
            raise InputError(
                f"there are more than {MOST_OBJECTS:,} objects under it",
                where=f"s3://{bucket.name}",
                remedy="scan its S3 Inventory first (--listing), then one prefix after the other",
            )
    if not found:
        raise UnreadableError(
            "there is no object under it", where=f"s3://{bucket.name}", remedy="check the prefix"
        )
    return sorted(found, key=lambda one: one.key)


def sample_of(objects: list[StoredObject], count: int) -> frozenset[str]:
    """Choose objects beyond 1 MiB to be read whole: by the hash of their keys, the same for the same bucket."""
    large = [one.key for one in objects if one.size > BUDGET]
    return frozenset(sorted(large, key=lambda key: hashlib.sha256(key.encode()).digest())[:count])


class LakeScan:
    """A scan of a bucket: what is known already, what is left, and the looking."""

    def __init__(
        self,
        bucket: Bucket,
        prefix: str,
        *,
        inventory: Path | None,
        since: Path | None,
        resume: bool,
        sketch: bool = False,
    ) -> None:
        """Read what an earlier scan left.

        Args:
            bucket: what is looked at.
            prefix: under which its objects lie.
            inventory: the file that is written; its journal lies beside it.
            since: an earlier inventory, which spares what has not changed.
            resume: go on with the journal that lies there.
            sketch: keep the shapes of tracks, for a report; what an earlier inventory spares has none.

        Raises:
            InputError: a journal lies there and is not to be resumed, or is one of another bucket.
            UnreadableError: the earlier inventory does not read.
        """
        self._bucket, self._prefix, self._sketch = bucket, prefix, sketch
        self.inventory = inventory
        self._key = self._secret(since)
        self._known: dict[str, Looked] = {}
        self._databases: dict[str, dict[str, bytes]] = {}
        self._journal: Path | None = None
        if since is not None:
            from carnet.service.lake_inventory import read_inventory

            self._known = {one.id: one for one in read_inventory(since)}
        if inventory is not None:
            self._journal = inventory.with_name(inventory.name + ".journal")
            self._resume(self._journal, resume=resume)

    def _secret(self, since: Path | None) -> bytes:
        """Give the key of the hashes: that beside an inventory, or a new one, kept beside the new inventory."""
        places = [one for one in (since, self.inventory) if one is not None]
        files = [one.with_name(one.name + ".key") for one in places]
        if since is not None and not files[0].is_file():
            raise InputError(
                "the key file of the earlier inventory is missing: its objects cannot be told again",
                where=str(files[0]),
                remedy="put it beside the inventory, or scan without --since",
            )
        return next((one.read_bytes() for one in files if one.is_file()), secrets.token_bytes(32))

    def _resume(self, journal: Path, *, resume: bool) -> None:
        if journal.exists():
            if not resume:
                raise InputError(
                    "a scan was begun there",
                    where=str(journal),
                    remedy="--resume goes on; remove it to begin anew",
                )
            lines = journal.read_bytes().split(b"\n")
            if _json(lines[0]) != self._header():
                raise InputError(
                    "the journal is of another bucket or prefix", where=str(journal), remedy="name its own"
                )
            for line in lines[1:]:
                try:
                    one = Looked.from_json(_json(line))
                except (KeyError, TypeError, ValueError, CarnetError):
                    continue  # the line at which the scan was killed
                self._known[one.id] = one

    def _header(self) -> dict[str, str]:
        return {"lake": "v1", "bucket": self._bucket.name, "prefix": self._prefix}

    def begin(self) -> None:
        """Open the journal and keep the key of the hashes beside the inventory."""
        if self.inventory is None or self._journal is None:
            return
        key = self.inventory.with_name(self.inventory.name + ".key")
        handle = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(self._key)
        with self._journal.open("ab") as file:
            # Ends a line that was cut.
            begun = self._journal.stat().st_size > 0
            file.write(b"\n" if begun else json.dumps(self._header()).encode() + b"\n")

    def id_of(self, one: StoredObject) -> str:
        """Give the keyed hash by which an object is told again."""
        text = f"{self._bucket.name}/{one.key}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[: 2 * _ID_BYTES]

    def known(self, one: StoredObject, *, whole: bool) -> Looked | None:
        """Give what was found before, if the object is the same and was looked at as closely."""
        held = self._known.get(self.id_of(one))
        same = held is not None and held.etag and (held.size, held.etag) == (one.size, one.etag)
        return held if held is not None and same and (held.whole or not whole) else None

    def cost(self, objects: list[StoredObject], sample: frozenset[str]) -> Cost:
        """Say what is to be fetched at most."""
        left = [one for one in objects if self.known(one, whole=one.key in sample) is None]
        sizes = [one.size if one.key in sample else min(one.size, BUDGET) for one in left]
        gets = sum(-(-size // BLOCK) if size <= BUDGET else -(-size // BUDGET) for size in sizes)
        return Cost(len(left), len(objects) - len(left), -(-len(objects) // PAGE), gets, sum(sizes))

    def run(
        self, objects: list[StoredObject], sample: frozenset[str], told: Callable[[int], object]
    ) -> Iterator[Looked]:
        """Look at objects, a prefix after the other, and give each; what is done is in the journal before.

        Raises:
            UnreadableError: many objects one after the other cannot be read.
        """
        shards: defaultdict[str, list[StoredObject]] = defaultdict(list)
        for one in objects:
            rest = one.key.removeprefix(self._prefix).lstrip("/")
            shards[rest.partition("/")[0] if "/" in rest else ""].append(one)
        crew = _Crew()
        done = failed = 0
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for shard in sorted(shards):
                    self._load_databases(shards[shard])
                    waiting: deque[Future[tuple[Looked, bool]]] = deque()
                    for item in (*shards[shard], *([None] * AT_ONCE * 2)):
                        if item is not None:
                            whole = item.key in sample
                            waiting.append(pool.submit(self._one, crew, item, shard, whole=whole))
                        if waiting and (item is None or len(waiting) > AT_ONCE * 2 - 1):
                            looked, reached = waiting.popleft().result()
                            failed = 0 if reached else failed + 1
                            if failed >= MOST_FAILURES:
                                raise UnreadableError(
                                    f"{failed} objects one after the other cannot be read",
                                    where="s3",
                                    remedy="check the connection, then --resume",
                                )
                            done += 1
                            told(done)
                            yield looked
        finally:
            crew.close()

    def _one(self, crew: _Crew, one: StoredObject, shard: str, *, whole: bool) -> tuple[Looked, bool]:
        held = self.known(one, whole=whole)
        if held is not None:
            self._note(held)
            return held, True
        source = RangeFile(self._bucket, one, one.size if whole else BUDGET, BUDGET if whole else BLOCK)
        reached = True
        try:
            beside = self._databases.get(one.key.rpartition("/")[0], {})
            sheet = crew.describe(source, one.key, beside, whole=whole, sketch=self._sketch)
        except MissingExtraError:
            raise
        except CarnetError as error:
            sheet = FactSheet(format=None, bytes=one.size, state=ReadState.BLOCKED, reason=error.what)
            reached = error.where != "s3"
        if source.spent:
            sheet = _cut(sheet)
        looked = Looked(
            id=self.id_of(one),
            size=one.size,
            etag=one.etag,
            modified=one.modified,
            shard=shown_key(shard)[0],
            key=shown_key(one.key)[0],
            whole=whole or one.size <= BUDGET,
            sheet=sheet,
        )
        if reached:
            self._note(looked)
        return looked, reached

    def _note(self, looked: Looked) -> None:
        if self._journal is not None:
            line = json.dumps(looked.to_json(), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
            handle = os.open(self._journal, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)

    def _load_databases(self, objects: list[StoredObject]) -> None:
        """Fetch the CAN databases of a shard's folders, each within the budget of an object."""
        self._databases = {}
        for one in objects:
            folder, _, name = one.key.rpartition("/")
            if Path(name).suffix.lower() in SUFFIXES and 0 < one.size <= _LARGEST_DATABASE:
                data = self._bucket.range(one.key, 0, one.size)
                self._databases.setdefault(folder, {})[name] = data

    def finish(self, rows: list[Looked]) -> None:
        """Write the inventory; the journal has served."""
        if self.inventory is not None and self._journal is not None:
            from carnet.service.lake_inventory import write_inventory

            write_inventory(self.inventory, rows, f"s3://{self._bucket.name}/")
            self._journal.unlink(missing_ok=True)


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return {}


def _cut(sheet: FactSheet) -> FactSheet:
    """Say of a sheet that its object was not read to its end: what failed for that is no fault of the object."""
    state = ReadState.BLOCKED if sheet.state is ReadState.BLOCKED or not sheet.streams else ReadState.PARTLY
    return replace(sheet, state=state, reason="looked at by 1 MiB only: --sample reads some objects whole")


class _Crew:
    """Two workers that describe one object after the other."""

    def __init__(self) -> None:
        self._idle: queue.SimpleQueue[Worker | None] = queue.SimpleQueue()
        self._workers: list[Worker] = []
        for _ in range(AT_ONCE):
            self._idle.put(None)

    def describe(
        self, source: RangeFile, key: str, databases: Mapping[str, bytes], *, whole: bool, sketch: bool
    ) -> FactSheet:
        worker = self._idle.get()
        try:
            if worker is None or not worker.alive:
                worker = Worker()
                self._workers.append(worker)
            name = key.rpartition("/")[2]
            parameters = {
                "name": key,
                "sketch": sketch,
                "companions": {
                    one: base64.b64encode(data).decode("ascii")
                    for one, data in databases.items()
                    if one != name
                },
            }
            ahead = BUDGET if whole else BLOCK
            outcome = worker.run("describe", cast("BinaryIO", source), parameters, ahead=ahead)
            return FactSheet.from_json(outcome.result)
        except BaseException:
            # Its pipe may still hold an answer that nobody waits for.
            if worker is not None:
                worker.close()
            worker = None
            raise
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        for one in self._workers:
            one.close()
