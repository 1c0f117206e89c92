"""Every public error: a stable code, what was wrong, where, and what to do next.

Rules this file keeps:

* One tree, one file; `docs/reference/errors.md` is made from it and a test compares the two.
* The class docstring is the meaning of the error; the message says what was got and what was expected.
* Messages never hold raw bytes or a value that identifies a person: name the place, not the value.
* Wrong use raises. An expected refusal of the law is a value (`Decision`), not an error.

Codes: 1xxx input, 2xxx lawbook, 3xxx vault and catalog, 4xxx evidence, 5xxx formats and detectors,
6xxx node, transfer and policy.
"""

from __future__ import annotations

import mmap
from typing import ClassVar

EXIT_DONE = 0
EXIT_OURS = 1
EXIT_INPUT = 2
EXIT_CONDITIONAL = 3
EXIT_PROHIBITED = 4
EXIT_UNDECIDED = 5
EXIT_CHECK_FAILED = 6
EXIT_REFUSED = 7


_ROOM = 256 << 20
_NO_MEMORY = (
    "cannot allocate memory",
    "failed to allocate",
    "failed to map segment",
    "insufficient memory",
    "bad_alloc",
    "out of memory",
)


class CarnetError(Exception):
    """Base of every error that carnet shows to a person."""

    code: ClassVar[str] = "CAR-0000"
    exit_code: ClassVar[int] = EXIT_OURS

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f"\n  what to do: {self.remedy}" if self.remedy else ""
        return f"{self.code} {place}{self.what}{cure}"


class InputError(CarnetError):
    """Wrong use, or input that cannot be read."""

    code = "CAR-1000"
    exit_code = EXIT_INPUT


class MovementError(InputError):
    """A movement document has an unknown field, a wrong type or a value outside its list."""

    code = "CAR-1001"


class UnreadableError(InputError):
    """A file is missing, empty, truncated, damaged or of a kind that carnet does not read."""

    code = "CAR-1002"


class LawbookError(InputError):
    """The lawbook, or a case for it, does not load."""

    code = "CAR-2001"


class LawCheckError(CarnetError):
    """A check of the lawbook or of its cases failed."""

    code = "CAR-2002"
    exit_code = EXIT_CHECK_FAILED


class VaultError(CarnetError):
    """Bytes at rest cannot be written, found or opened."""

    code = "CAR-3001"


class KeyFileError(InputError):
    """A key file is missing, open to others, of the wrong kind, or does not open with this passphrase."""

    code = "CAR-3002"


class TamperedError(CarnetError):
    """Stored bytes are not the bytes that were written."""

    code = "CAR-3003"
    exit_code = EXIT_CHECK_FAILED


class ResidencyError(CarnetError):
    """This region is not where these bytes must live."""

    code = "CAR-3004"
    exit_code = EXIT_REFUSED


class StorageFullError(VaultError):
    """There is not enough room to write; nothing was left behind."""

    code = "CAR-3005"


class CatalogError(CarnetError):
    """The node database cannot be read or written."""

    code = "CAR-3006"


class LedgerError(CarnetError):
    """The ledger cannot be written, or is not what its checkpoint says."""

    code = "CAR-4001"
    exit_code = EXIT_CHECK_FAILED


class SignatureError(CarnetError):
    """A signature is missing, wrong, or of a key that is not trusted here."""

    code = "CAR-4002"
    exit_code = EXIT_CHECK_FAILED


class DossierError(CarnetError):
    """A dossier does not pass a step of its check."""

    code = "CAR-4003"
    exit_code = EXIT_CHECK_FAILED


class ClockError(CarnetError):
    """The clock stands before a time that the ledger already holds."""

    code = "CAR-4004"


class MissingExtraError(InputError):
    """A command needs an optional part of carnet that is not installed."""

    code = "CAR-5001"


def missing_extra(error: ImportError, what: str, *, remedy: str) -> MissingExtraError:
    """Give the error of a library that is not installed.

    Args:
        error: of the import.
        what: which part of carnet needs which library.
        remedy: what installs it.

    Raises:
        MemoryError: there was no memory to load it: it may well be installed.
    """
    if is_out_of_memory(error):
        raise MemoryError("a library does not load: there is no memory left") from error
    return MissingExtraError(what, remedy=remedy)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error comes of a want of memory, whatever a library made of it.

    What the system's loader and C++ say of it is known by its words. Libraries also say of a part of theirs that did
    not load that it is missing: an import that failed is put down to memory where there is no room for a library.
    """
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen:
        seen.append(one)
        if isinstance(one, MemoryError) or any(words in str(one).lower() for words in _NO_MEMORY):
            return True
        one = one.__cause__ or one.__context__
    return isinstance(error, ImportError) and not _has_room()


def _has_room() -> bool:
    try:
        mmap.mmap(-1, _ROOM).close()
    except (OSError, MemoryError):
        return False
    return True


class DetectorError(CarnetError):
    """A detector's weights are missing or are not the ones whose digest is on the list."""

    code = "CAR-5002"


class WorkerError(CarnetError):
    """A worker process died, ran out of its budget, or said something that it may not say."""

    code = "CAR-5003"


class RedactionError(InputError):
    """A part that was ordered cannot be taken out of this file, or the order itself is wrong."""

    code = "CAR-5004"


class RefusedError(CarnetError):
    """Policy refuses: a release, an approval, a role."""

    code = "CAR-6001"
    exit_code = EXIT_REFUSED


class RequestStateError(RefusedError):
    """A request is not in a state from which this step can be taken, or the step is not this person's."""

    code = "CAR-6002"


class PeerError(CarnetError):
    """The other node cannot be reached, is not paired, or answered with something it did not sign."""

    code = "CAR-6003"


class NodeError(InputError):
    """A node's folder or settings are not usable."""

    code = "CAR-6004"
