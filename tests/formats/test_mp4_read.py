from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.formats import open_recording
from carnet.formats.meta_items import items_of
from carnet.model.factsheet import ReadState


@pytest.fixture(scope="module")
def clip(request) -> bytes:
    from pathlib import Path

    return (Path(request.config.rootpath) / "samples" / "shanghai_drive" / "front_camera.mp4").read_bytes()


def opened(data: bytes):
    return open_recording(io.BytesIO(data), "x")


def test_a_real_video_has_its_frames_tracks_and_texts(shared):
    path = shared / "data" / "video" / "dashcam_lanelines_white_right.mp4"
    with path.open("rb") as file:
        reader = open_recording(file, "renamed.jpg")
        packets = list(reader.messages())
        shapes = {picture().shape for _, _, picture in reader.frames()}
        assert {one.kind for one in reader.streams} == {"video", "audio"}
    assert sum(one.stream.kind == "video" for one in packets) == 221
    assert shapes == {(540, 960, 3)}
    assert reader.state is ReadState.READ


def test_the_clip_says_its_place_and_comment(clip):
    reader = opened(clip)
    times = [time_ns for _, time_ns, _ in reader.frames()]
    assert times == [n * 40_000_000 for n in range(60)]
    kinds = {(one.where, one.kind) for one in reader.outside()}
    assert ("location atom", "position") in kinds
    assert any(where.startswith("metadata") and kind == "text" for where, kind in kinds)


def test_a_hidden_box_is_found(clip):
    reader = opened(clip + struct.pack(">I4s", 24, b"gps ") + b"31.12,121.19 ab.")
    list(reader.messages())
    assert any(one.where == "box of another kind" and one.name == "gps " for one in reader.outside())
    filled = struct.pack(">I4s", 16, b"free") + b"serial 9"
    assert any(one.where == "padding that is not empty" for one in opened(clip + filled).outside())


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_a_cut_video_is_never_read(clip, share):
    reader = opened(clip[: int(len(clip) * share)])
    list(reader.messages())
    list(reader.frames())
    assert reader.state is not ReadState.READ
    assert reader.reason


def test_damaged_pictures_inside_are_noticed(clip):
    at = clip.index(b"mdat") + 5000
    reader = opened(clip[:at] + bytes(200_000) + clip[at + 200_000 :])
    list(reader.messages())
    list(reader.frames())
    assert reader.state is not ReadState.READ


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_damage_to_the_index_makes_it_raise(clip, data):
    start = clip.index(b"moov")
    raw = bytearray(clip)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(start, len(raw) - 1))] = data.draw(st.integers(0, 255))
    reader = opened(bytes(raw))
    count = sum(1 for _ in reader.messages())
    assert count or reader.state is ReadState.BLOCKED
    reader.outside()


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def exif_block() -> bytes:
    """One directory with a text and a pointer to another with a latitude."""
    degrees = struct.pack("<6I", 48, 1, 8, 1, 15, 1)
    main = struct.pack("<HHHIIHHIII", 2, 0x0131, 2, 3, 0x00737452, 0x8825, 4, 1, 38, 0)
    return b"II*\x00" + struct.pack("<I", 8) + main + struct.pack("<HHHIII", 1, 2, 5, 3, 56, 0) + degrees


def heif_items(exif: bytes, xmp: bytes, at: int, *, version: int = 1, own: bool = False) -> bytes:
    """A `meta` box, as HEIF has it, with an EXIF item and an XMP item; `at` is where the box begins in the file."""
    infe = b"".join(
        box(b"infe", b"\x02\0\0\0" + struct.pack(">HH4s", number, 0, kind) + b"\0" + more)
        for number, kind, more in ((1, b"Exif", b""), (2, b"mime", b"application/rdf+xml\0"))
    )
    iinf = box(b"iinf", b"\0\0\0\0\0\x02" + infe)
    item = struct.pack(">I", 6) + b"Exif\0\0" + exif
    hdlr = box(b"hdlr", b"\0" * 8 + b"pict" + b"\0" * 13)

    def made(start: int) -> bytes:
        iloc = bytes([version, 0, 0, 0]) + b"\x44\0" + struct.pack(">H", 2)
        for number, offset, length in ((1, start, len(item)), (2, start + len(item), len(xmp))):
            method = struct.pack(">H", int(own)) if version else b""
            iloc += struct.pack(">H", number) + method + struct.pack(">HHII", 0, 1, offset, length)
        inner = b"\0\0\0\0" + hdlr + iinf + box(b"iloc", iloc)
        return box(b"meta", inner + box(b"idat", item + xmp)) if own else box(b"meta", inner)

    return made(0) if own else made(at + len(made(0)) + 8) + box(b"mdat", item + xmp)


@pytest.mark.parametrize(("version", "own"), [(0, False), (1, False), (1, True)])
def test_place_and_texts_of_a_heif_picture_are_found(clip, version, own):
    reader = opened(clip + heif_items(exif_block(), b"<x:xmpmeta/>", len(clip), version=version, own=own))
    list(reader.messages())
    found = {(one.where, one.kind, one.name, one.data) for one in reader.outside()}
    assert ("EXIF", "position", "GPS", b"") in found
    assert ("EXIF", "text", "tag 0x0131", b"Rts") in found
    assert ("XMP", "text", "application/rdf+xml", b"<x:xmpmeta/>") in found
    assert reader.state is ReadState.READ


@pytest.mark.parametrize("kept", range(2, 40, 3))
def test_a_list_of_items_that_is_cut_is_never_taken(clip, kept):
    whole = heif_items(exif_block(), b"", len(clip))
    iloc = whole.index(b"iloc") - 4
    content = whole[8:iloc] + box(b"iloc", whole[iloc + 8 : iloc + 8 + kept])
    with pytest.raises(ValueError, match="not whole"):
        items_of(content)
    reader = opened(clip + box(b"meta", content))
    list(reader.messages())
    assert reader.state is not ReadState.READ


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 250), value=st.integers(0, 255))
def test_a_changed_byte_in_the_list_of_items_never_crashes(clip, at, value):
    made = bytearray(heif_items(exif_block(), b"<x/>", len(clip)))
    made[8 + at % (len(made) - 8)] = value
    reader = opened(clip + bytes(made))
    list(reader.messages())
    reader.outside()
