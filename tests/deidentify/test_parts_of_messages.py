"""Parts that messages are made of: units of video, fields of protobuf, samples of sixteen bits."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.deidentify.raw_pixels import as_eight
from carnet.errors import UnreadableError
from carnet.formats.protobuf import field_numbers, wire_fields
from carnet.formats.video_stream import codec_of, content_of, without_extras


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), codec=st.sampled_from(["h264", "hevc"]))
def test_any_bytes_can_be_asked_for_their_units(data, codec):
    found = content_of(codec, b"\x00\x00\x01" + data)
    assert found.begins <= found.slices
    assert codec_of("", data) in {None, "h264", "hevc"}
    assert content_of(codec, without_extras(codec, data)).slices <= content_of(codec, data).slices


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_fields_or_refused(data):
    try:
        spans = [(one.tag, one.end) for one in wire_fields(data)]
    except UnreadableError:
        return
    assert spans == [] or (spans[0][0] == 0 and spans[-1][1] == len(data))
    try:
        field_numbers(data, "foxglove.RawImage")
    except UnreadableError:
        return


def test_sixteen_bits_are_stretched_over_what_is_there():
    dark = np.arange(1000, 1400, dtype=np.uint16).reshape(20, 20)
    assert int(as_eight(dark).max()) == 255
    assert int(as_eight(dark).min()) == 0
    assert int(as_eight(np.zeros((8, 8), np.uint16)).max()) == 0
