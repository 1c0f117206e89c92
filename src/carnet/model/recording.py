"""What a vehicle sent: a recording is a set of files (objects) with one place of origin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from carnet.model.ids import Country, Digest, RecordingId


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One file of a recording as the vault holds it.

    Attributes:
        address: keyed address of the ciphertext; confirms no guess about the content.
        bytes: length of the content.
        content: digest of the content, for evidence; kept in the region.
        number: position within the recording, from 0; the file's own name is sealed beside it.
    """

    address: str
    bytes: int
    content: Digest
    number: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording in one region's vault."""

    id: RecordingId
    origin: Country
    received: datetime
    objects: tuple[StoredObject, ...]
    derived_from: RecordingId | None = None
