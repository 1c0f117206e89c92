"""The one interface behind which recordings of messages are written again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from carnet.formats.reader import Message, Stream


class MessageCopy(ABC):
    """A new recording that takes over what it needs from a reader's streams, as messages come.

    Times, order and sequence numbers of messages are those of the source; containers' indexes, statistics and
    checksums are made anew.
    """

    written: int = 0

    @abstractmethod
    def channel(self, stream: Stream, topic: str, metadata: Mapping[str, str]) -> None:
        """Take a stream over under a topic; nothing happens when that was done before."""

    @abstractmethod
    def message(self, message: Message, data: bytes) -> None:
        """Write a message of a channel that was taken over, with other bytes or its own."""

    @abstractmethod
    def finish(self) -> None:
        """Write what stands at the end."""
