"""Reads logs of satellite receivers: UBX, NovAtel and RTCM frames and lines of text, as they came.

Times are UTC, from the GPS weeks that frames carry, 18 leap seconds taken off (since 2017); 0 before the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from carnet.formats.reader import LONGEST, GatheringReader, Message, OutsideText, Stream
from carnet.formats.receiver_frames import (
    LONGEST_FRAME,
    NOVATEL,
    CutFrameError,
    Frame,
    frame_at,
    next_start,
)
from carnet.formats.receiver_messages import name_of, values_of

_BLOCK = 1 << 20
_GPS_EPOCH_S, _LEAP_S, _WEEK_S = 315_964_800, 18, 604_800
_LONGEST_LINE = 4096
_PRINTED = bytes([9, 10, 13, *range(32, 127)])
# What may be checked in vain, for each byte of the file: a file can be made of beginnings of frames.
_VAIN, _VAIN_AT_LEAST = 16, 1 << 23
_MOST_STREAMS = 4096


class ReceiverReader(GatheringReader):
    """A log of a receiver; `format` is the family of its first frame."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._time_ns = 0
        self._vain = 0
        self.format = next((one.family for one in self._pieces() if isinstance(one, Frame)), NOVATEL)

    def messages(self) -> Iterator[Message]:
        """Give every frame whose check holds, and every line between frames, in file order."""
        self._streams.clear()
        self._outside.clear()
        self._time_ns = 0
        count = strange = 0
        for piece in self._pieces():
            if isinstance(piece, Frame):
                if piece.family == NOVATEL and piece.week:
                    seconds = _GPS_EPOCH_S + piece.week * _WEEK_S - _LEAP_S
                    self._time_ns = seconds * 10**9 + piece.milliseconds * 10**6
                stream = self._stream(name_of(piece))
                count += 1
                data = json.dumps(values_of(piece)).encode()
                yield Message(stream, self._time_ns, self._time_ns, data, count)
            elif piece.translate(None, _PRINTED):
                strange += len(piece)
                if not self._outside:
                    self._outside[
                        OutsideText("bytes between frames", "", piece[:LONGEST], "bytes", whole=False)
                    ] = None
            else:
                for line in piece.decode("ascii").split("\n"):
                    for start in range(0, len(line.strip()), _LONGEST_LINE):
                        count += 1
                        text = line.strip()[start : start + _LONGEST_LINE]
                        data = json.dumps({"text": text}).encode()
                        yield Message(self._stream("lines"), self._time_ns, self._time_ns, data, count)
        if strange:
            self.lose(f"{strange} bytes belong to no frame whose check holds")
        if not any(one.schema != "carnet/Line" for one in self._streams.values()):
            self.block("the log holds no frame whose check holds")
        self._complete = True

    def _stream(self, name: str) -> Stream:
        if name not in self._streams and len(self._streams) >= _MOST_STREAMS:
            name = next(reversed(self._streams))
        if name not in self._streams:
            schema = "carnet/Line" if name == "lines" else name
            self._streams[name] = Stream(name, "messages", schema, encoding="json", number=len(self._streams))
        return self._streams[name]

    def _pieces(self) -> Iterator[Frame | bytes]:
        """Give frames, and what lies between them."""
        self._source.seek(0)
        data, between, ended = b"", bytearray(), False
        vain = done = 0
        while not ended or data:
            block = self._source.read(_BLOCK)
            ended = not block
            data += block
            at = 0
            while at < len(data) and (ended or len(data) - at >= LONGEST_FRAME):
                try:
                    frame = frame_at(data, at) if vain <= _VAIN * done + _VAIN_AT_LEAST else None
                except CutFrameError:
                    frame = None
                if frame is not None:
                    if between:
                        yield bytes(between)
                        between.clear()
                    yield frame
                    at += frame.length
                    continue
                follows = next_start(data, at + 1)
                vain += min(LONGEST_FRAME, len(data) - at) if data[at] in b"\xb5\xaa\xd3" else 0
                between += data[at:follows]
                at = follows
                if len(between) >= _BLOCK:
                    yield bytes(between)
                    between.clear()
            done += at
            data = data[at:]
        if vain > _VAIN * done + _VAIN_AT_LEAST:
            self.lose("too much of the file begins like frames and is none: its end was not looked at")
        if between:
            yield bytes(between)
