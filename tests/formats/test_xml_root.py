from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.formats.sniff import rooted
from carnet.formats.xml_root import is_xml, root_of


@pytest.mark.parametrize(
    ("head", "root"),
    [
        (b"<gpx>", "gpx"),
        (b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- <no> -->\n<gpx version='1.1'/>", "gpx"),
        (b'<?xml version="1.0"?><kcd:NetworkDefinition xmlns:kcd="x">', "NetworkDefinition"),
        (b'<!DOCTYPE osm [<!ENTITY a "b"> <!ELEMENT c ANY>]><osm/>', "osm"),
        (b'<!DOCTYPE html PUBLIC "a>b" "c"><html>', "html"),
        ("<?xml version='1.0' encoding='utf-16'?><AUTOSAR a='b'>".encode("utf-16"), "AUTOSAR"),
        ("<AUTOSAR>".encode("utf-16-be"), "AUTOSAR"),
        ("<路网/>".encode(), "路网"),
        (b"<!-- " + b"x" * 5000, None),
        (b"<gp", None),
        (b"{}", None),
        (b"< a>", None),
        (b"", None),
    ],
)
def test_the_root_element_is_told(head, root):
    assert root_of(head) == root


def test_a_recogniser_goes_by_the_root():
    assert rooted("gpx", "kml")(b"<kml/>")
    assert not rooted("gpx", "kml")(b"<osm/>")


def test_a_comment_that_fills_the_head_is_xml_all_the_same():
    assert is_xml(b"<!-- " + b"x" * 5000)
    assert not is_xml(b"<5 km, >2 km")


@given(
    st.binary(max_size=300).map(lambda tail: b"<" + tail)
    | st.text("<>!-?[]\"' aD:", max_size=4000).map(str.encode)
)
def test_no_bytes_make_it_raise(head):
    root_of(head)
    is_xml(head)
