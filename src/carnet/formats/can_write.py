"""Puts other payload bytes into CAN frames: ids, lengths, flags and times stay, and so does every other byte."""

from __future__ import annotations

import struct

from carnet.errors import UnreadableError
from carnet.formats.can import frame_of_line
from carnet.formats.reader import Message

_CLASSIC_BYTES = 8


def payload_place(message: Message) -> tuple[int, int]:
    """Give where the eight payload bytes of a `can_msgs/Frame` in CDR or ROS 1 lie: first and behind the last.

    All eight are given, whatever the frame's own length says: senders leave old bytes behind it.

    Raises:
        UnreadableError: the bytes are not of that type.
    """
    data = message.data
    ros1 = message.stream.encoding == "ros1"
    try:
        order = "<" if ros1 or data[1] & 1 else ">"
        (length,) = struct.unpack_from(f"{order}I", data, 12)
    except (struct.error, IndexError) as error:
        raise UnreadableError("a CAN frame is shorter than its type", where="message") from error
    # Encapsulation 4, stamp 8, text 4 + length; then id 4 (aligned), three flags, one length, eight bytes.
    # In ROS 1 a sequence number stands where the encapsulation does, and nothing is aligned.
    start = 16 + length + 8 if ros1 else 4 + ((12 + length + 3) & ~3) + 8
    if start + _CLASSIC_BYTES > len(data):
        raise UnreadableError("a CAN frame is shorter than its type", where="message")
    return start, start + _CLASSIC_BYTES


def replace_line_payload(line: bytes, payload: bytes) -> bytes:
    """Give a line of a candump log with other payload bytes of the same number.

    Raises:
        UnreadableError: the line is no frame.
        ValueError: the number of bytes differs.
    """
    found = frame_of_line(line)
    if found is None:
        raise UnreadableError("a line is no CAN frame", where="line")
    old = found[1].data
    if len(old) != len(payload):
        raise ValueError("a frame keeps its length")
    at = line.upper().rindex(old.hex().upper().encode())
    if line.rindex(b"#") >= at:
        raise ValueError("a frame without payload has none to replace")
    text = payload.hex()
    keeps_capitals = line[at : at + 2 * len(old)] == line[at : at + 2 * len(old)].upper()
    made = (text.upper() if keeps_capitals else text).encode()
    return line[:at] + made + line[at + 2 * len(old) :]
