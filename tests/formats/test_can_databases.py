from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify import describe
from carnet.errors import UnreadableError
from carnet.formats import open_recording
from carnet.formats.can_databases import database_form, load_database
from carnet.model.factsheet import ReadState
from carnet.service import cli

KCD = b"""<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0"><Document version="1.0"/>
<Bus name="B"><Message id="0x123" name="Fix" length="8"><Notes>car 1M8GDM9AXKP042788</Notes>
<Signal name="Latitude" offset="0" length="32"><Value type="signed" slope="1e-7" unit="deg"/></Signal>
<Signal name="Longitude" offset="32" length="32"><Value type="signed" slope="1e-7" unit="deg"/></Signal>
</Message></Bus></NetworkDefinition>"""
SYM = b"""FormatVersion=6.0 // Do not edit this line!
Title="x"

{SIGNALS}
Sig=Latitude signed 32 /u:deg /f:1e-7
Sig=Longitude signed 32 /u:deg /f:1e-7

{SENDRECEIVE}

[Fix]
ID=123h
Len=8
Sig=Latitude 0
Sig=Longitude 32
"""
REAL = {"dump.kcd": ("kcd", 4), "jopp-6.0.sym": ("sym", 7), "system-4.2.arxml": ("arxml", 8)}


def log(count: int = 40) -> bytes:
    lines = []
    for n in range(count):
        data = int(48.1e7 + n * 1000).to_bytes(4, "little") + int(11.5e7 + n * 1000).to_bytes(4, "little")
        lines.append(f"({n}.5) can0 123#{data.hex()}\n")
    return "".join(lines).encode()


@pytest.mark.parametrize("name", REAL)
def test_real_databases_list_their_messages(shared, name):
    data = (shared / "data" / "can" / "dbc" / name).read_bytes()
    reader = open_recording(io.BytesIO(data), "renamed")
    messages = list(reader.messages())
    assert (reader.format, len(messages)) == REAL[name]
    assert reader.state is ReadState.READ
    assert len(load_database(data).messages) == len(messages)


@pytest.mark.parametrize("database", [KCD, SYM, b"// of the left axle\r\n\r\n" + SYM])
def test_a_database_of_any_kind_explains_its_bus(database):
    sheet = describe(io.BytesIO(log()), name="x", companions={"renamed": database})
    (stream,) = sheet.streams
    assert "location.trajectory" in stream.data
    assert stream.facts["points"] == 40
    assert stream.facts["countries"] == ("DE",)


def test_comments_of_a_database_are_looked_through():
    sheet = describe(io.BytesIO(KCD), name="x")
    assert ("comment", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


@pytest.mark.parametrize(
    ("database", "place"),
    [
        (KCD.replace(b"</Bus>", b"</Bu>"), "line 5"),
        (SYM.replace(b"Len=8", b"Len="), "line 13"),
        (b'VERSION ""\nBU_:\nBO_ 291 Fix: 8 X\n SG_ 1bad : 0|8@1+ (1,0) [0|0] "" X\n', "line 4"),
    ],
)
def test_a_database_that_does_not_load_leaves_its_bus_unknown_and_says_where(database, place):
    sheet = describe(io.BytesIO(log()), name="x", companions={"renamed": database})
    (stream,) = sheet.streams
    assert stream.data == ("unknown",)
    assert any(place in rule for one in stream.fields for rule in one.because), stream.fields
    reader = open_recording(io.BytesIO(database), "x")
    assert reader.state is ReadState.BLOCKED
    assert place in reader.reason


def test_a_database_with_entities_is_refused():
    bomb = b'<!DOCTYPE NetworkDefinition [<!ENTITY a "aaaa">]>' + KCD
    with pytest.raises(UnreadableError, match="entities"):
        load_database(bomb)
    assert open_recording(io.BytesIO(bomb), "x").state is ReadState.BLOCKED


def test_an_autosar_text_without_a_bus_is_read_as_xml():
    text = b'<AUTOSAR xmlns="http://autosar.org/schema/r4.0"><AR-PACKAGES/><X>some text</X></AUTOSAR>'
    reader = open_recording(io.BytesIO(text), "x")
    assert reader.format == "xml"
    assert list(reader.messages())


def test_scan_takes_a_database_for_what_it_is_and_not_for_its_name(tmp_path, capsys):
    (tmp_path / "a").write_bytes(log())
    (tmp_path / "b").write_bytes(KCD)
    with pytest.raises(SystemExit):
        cli.main(["scan", str(tmp_path), "--json"])
    items = json.loads(capsys.readouterr().out)["items"]
    (log_sheet,) = (one for one in items if one["format"] == "candump")
    assert "location.trajectory" in log_sheet["streams"][0]["data"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([KCD, SYM]),
    st.integers(0, 700),
    st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), max_size=5),
)
def test_damaged_databases_do_no_harm(database, size, changes):
    data = bytearray(database[: max(size, 40)])
    for at, value in changes:
        data[at % len(data)] = value
    for part in (bytes(data), database[:size]):
        reader = open_recording(io.BytesIO(part), "x")
        count = sum(1 for _ in reader.messages())
        assert (reader.state is ReadState.BLOCKED) == (count == 0)
        if database_form(part):
            describe(io.BytesIO(log(2)), name="x", companions={"a": part})
