from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.errors import RedactionError
from carnet.formats import open_recording
from carnet.formats.archive_read import DEEPEST
from carnet.model.factsheet import ReadState

PLACE = json.dumps({"lat": 48.1371, "lon": 11.5754}).encode()
CAR = b"chassis number VIN 1M8GDM9AXKP042788\n"
FILES = {"a/place": PLACE, "b.bin": CAR}


def zipped(files=FILES, **options) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.comment = options.get("comment", b"")
    return made.getvalue()


def tarred(files=FILES, form=tarfile.PAX_FORMAT, **headers) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(data), headers
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


PACKED = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def scanned(data: bytes, name: str = "x"):
    return describe(io.BytesIO(data), name=name, detect=False)


@pytest.mark.parametrize("made", [zipped, tarred])
def test_members_are_read_and_named(made):
    sheet = scanned(made())
    assert sheet.state is ReadState.READ
    assert [one.name for one in sheet.streams] == ["a/place!records", "b.bin!lines"]
    assert {"location.position", "vehicle_id.vin"} <= set(sheet.data)
    reader = open_recording(io.BytesIO(made()), "x")
    assert [one.data for one in reader.messages()] == [b"a/place", b"b.bin"]


@pytest.mark.parametrize("form", PACKED)
def test_single_streams_keep_the_names_within(form):
    sheet = scanned(PACKED[form](PLACE))
    assert (sheet.format, sheet.state) == (form, ReadState.READ)
    assert [one.name for one in sheet.streams] == ["records"]
    inner = scanned(PACKED[form](tarred()))
    assert [one.name for one in inner.streams] == ["a/place!records", "b.bin!lines"]


@pytest.mark.parametrize("form", PACKED)
def test_a_cut_stream_gives_what_was_whole(form):
    lines = b"".join(
        b"%d VIN 1M8GDM9AXKP042788 %d\n" % (at, zlib.crc32(bytes([at % 256]))) for at in range(20_000)
    )
    data = PACKED[form](lines)
    sheet = scanned(data[: len(data) * 2 // 3])
    assert sheet.state in {ReadState.PARTLY, ReadState.BLOCKED}
    assert "cut or damaged" in sheet.reason
    # A block of bzip2 is 900 kB: here there is one alone.
    if form != "bzip2":
        assert "vehicle_id.vin" in sheet.data


def test_frames_behind_each_other_are_all_read():
    for pack in PACKED.values():
        sheet = scanned(pack(b"one line\n") + pack(CAR))
        assert sheet.state is ReadState.READ
        assert "vehicle_id.vin" in sheet.data


def test_nesting_is_bounded():
    data = CAR
    for _ in range(DEEPEST):
        data = zipped({"in": data})
    assert scanned(data).state is ReadState.READ
    sheet = scanned(zipped({"in": data}))
    assert sheet.state is ReadState.BLOCKED
    assert "nested deeper" in sheet.reason


@pytest.mark.parametrize("form", ["zip", *PACKED])
def test_bombs_are_not_unpacked(form):
    zeros = bytes(100 * 1024 * 1024)
    sheet = scanned(zipped({"a": zeros}) if form == "zip" else PACKED[form](zeros))
    assert sheet.state is ReadState.BLOCKED
    assert "expands beyond" in sheet.reason


def test_overlapping_members_share_one_budget():
    many = zipped({f"{at}": bytes(9 * 1024 * 1024) for at in range(12)})
    sheet = scanned(many)
    assert "expands beyond" in sheet.reason


def test_a_member_that_lies_there_unpacked_is_a_window_and_its_checksum_counts():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", CAR)
        archive.writestr("b", PLACE)
    sheet = scanned(made.getvalue())
    assert sheet.state is ReadState.READ
    assert {"location.position", "vehicle_id.vin"} <= set(sheet.data)
    damaged = bytearray(made.getvalue())
    damaged[35] ^= 1
    sheet = scanned(bytes(damaged))
    assert sheet.state is ReadState.PARTLY
    assert sheet.reason == "a: it is cut or damaged"


def test_what_is_too_long_to_hold_where_nothing_can_be_written_is_told(monkeypatch):
    # As in a worker: no place for temporary files, and a member beyond what is held in memory.
    monkeypatch.setattr("carnet.formats.archive_read._IN_MEMORY", 100)
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    sheet = scanned(zipped({"a": CAR * 20, "b": PLACE}))
    assert sheet.state is ReadState.PARTLY
    assert "a: there is no room" in sheet.reason


def test_encrypted_and_unknown_methods_are_told():
    data = bytearray(zipped())
    central = data.rfind(b"PK\x01\x02")
    data[central + 8] |= 1
    sheet = scanned(bytes(data))
    assert sheet.state is ReadState.PARTLY
    assert "b.bin: it is encrypted" in sheet.reason
    data = bytearray(zipped())
    struct.pack_into("<H", data, data.rfind(b"PK\x01\x02") + 10, 99)
    assert "compressed in a way" in scanned(bytes(data)).reason


@pytest.mark.parametrize("name", ["../../etc/x", "/abs", "C:\\x", "a/../../b"])
def test_names_that_lead_out_are_told_and_nothing_is_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for data in (zipped({name: CAR}), tarred({name: CAR})):
        sheet = scanned(data)
        assert sheet.state is ReadState.PARTLY
        assert "leads out" in sheet.reason
        assert "vehicle_id.vin" in sheet.data
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_identifies_is_withheld():
    sheet = scanned(zipped({"1M8GDM9AXKP042788/x": b"nothing much\n"}))
    assert "1M8GDM9AXKP042788" not in json.dumps(sheet.to_json())
    assert "vehicle_id.vin" in sheet.data
    other = bytearray(zipped({"1M8GDM9AXKP042788/x": b"nothing much\n", "y": CAR}))
    other[other.find(b"PK\x01\x02") + 8] |= 1
    assert "1M8GDM9AXKP042788" not in json.dumps(scanned(bytes(other)).to_json())


def test_what_lies_beside_members_is_found():
    assert "vehicle_id.vin" in scanned(zipped({"a": b"some text\n"}, comment=CAR)).data
    assert "identity.contact" in scanned(tarred({"a": b"text\n"}, comment="by driver@example.com")).data
    named = io.BytesIO()
    with gzip.GzipFile("1M8GDM9AXKP042788.log", "wb", fileobj=named) as file:
        file.write(b"some text\n")
    assert "vehicle_id.vin" in scanned(named.getvalue()).data
    hidden = scanned(CAR.ljust(200, b".") + zipped())
    assert hidden.state is ReadState.BLOCKED
    data = zipped({"a": b"some text\n"})
    at = data.find(b"PK\x01\x02")
    moved = data[:at] + CAR * 3 + data[at:]
    end = bytearray(moved)
    struct.pack_into("<I", end, len(end) - 6, at + len(CAR * 3))
    sheet = scanned(bytes(end))
    assert sheet.state is ReadState.PARTLY
    assert "no member" in sheet.reason
    assert "vehicle_id.vin" in sheet.data


def zip_of(**said) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", b"some text\n")
        info = zipfile.ZipInfo(said.pop("name", "b"))
        for key, value in said.items():
            setattr(info, key, value)
        archive.writestr(info, b"" if info.filename != "b" else b"more text\n")
    return made.getvalue()


def tar_of(**said) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        info = tarfile.TarInfo("a")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"text\n"))
        info = tarfile.TarInfo("b")
        for key, value in said.items():
            setattr(info, key, value)
        archive.addfile(info)
    return made.getvalue()


def gzip_with_extra() -> bytes:
    plain = gzip.compress(b"some text\n", mtime=0)
    field = b"AB" + struct.pack("<H", len(CAR)) + CAR
    return plain[:3] + b"\x04" + plain[4:10] + struct.pack("<H", len(field)) + field + plain[10:]


@pytest.mark.parametrize(
    "data",
    [
        zip_of(name="1M8GDM9AXKP042788/"),
        zip_of(name="cars/1M8GDM9AXKP042788.log"),
        zip_of(extra=struct.pack("<HH", 0x9999, len(CAR)) + CAR),
        zip_of() + CAR,
        tar_of(name="cars/1M8GDM9AXKP042788"),
        tar_of(name="1M8GDM9AXKP042788", type=tarfile.DIRTYPE),
        tar_of(name="1M8GDM9AXKP042788", type=tarfile.SYMTYPE, linkname="a"),
        tar_of(uname="1M8GDM9AXKP042788"),
        gzip_with_extra(),
    ],
)
def test_a_number_where_an_archive_keeps_no_file_is_found(data):
    sheet = scanned(data)
    assert "vehicle_id.vin" in sheet.data
    assert "1M8GDM9AXKP042788" not in repr(sheet)


def test_usual_extra_fields_and_owners_are_nothing():
    times = struct.pack("<HHBI", 0x5455, 5, 1, 1_600_000_000)
    for data in (zip_of(extra=times), tar_of(uname="root", gname="users")):
        sheet = scanned(data)
        assert (sheet.state, sheet.data) == (ReadState.READ, ("text",))


def test_bytes_behind_a_zip_are_told():
    sheet = scanned(zip_of() + b"something else of 64 bytes".ljust(64))
    assert sheet.state is ReadState.PARTLY
    assert "behind the end of the zip" in sheet.reason
    assert scanned(zip_of() + bytes(100)).state is ReadState.READ


def test_a_database_in_the_archive_serves_its_bus():
    dbc = b'VERSION ""\nBU_: A\nBO_ 291 GPS: 8 A\n SG_ Latitude : 0|32@1- (1e-07,0) [0|0] "deg" A\n'
    log = b"".join(b"(%d.0) can0 123#%08X00000000\n" % (at, at) for at in range(20))
    sheet = scanned(zipped({"bus": log, "names": dbc}))
    assert any(one.startswith("location.") for one in sheet.data)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_tar_forms_and_long_names(form):
    name = "/".join(["folder" * 5] * 4) + "/drive"
    sheet = scanned(tarred({name: CAR}, form))
    assert [one.name for one in sheet.streams] == [f"{name}!lines"]


def test_a_damaged_tar_says_so():
    data = bytearray(tarred())
    data[1024 + 150] ^= 1
    sheet = scanned(bytes(data))
    assert sheet.state is ReadState.PARTLY
    assert "damaged" in sheet.reason
    behind = scanned(tarred() + CAR)
    assert "behind the end" in behind.reason
    assert scanned(tarred()[:800]).state is not ReadState.READ


def test_links_and_empty_files_hold_nothing():
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        link = tarfile.TarInfo("l")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("empty"))
    sheet = scanned(made.getvalue())
    assert sheet.state is ReadState.BLOCKED
    assert sheet.reason


def test_a_member_without_a_name_is_read():
    data = zipped({"a": CAR})
    at = data.find(b"PK\x01\x02")
    bare = bytearray(data[:at] + data[at : at + 46] + data[at + 47 :])
    struct.pack_into("<H", bare, at + 28, 0)
    struct.pack_into("<I", bare, len(bare) - 10, 46)
    sheet = scanned(bytes(bare))
    assert sheet.state in {ReadState.READ, ReadState.PARTLY, ReadState.BLOCKED}
    assert sheet.state is ReadState.READ or sheet.reason


def test_hostile_lengths():
    header = bytearray(tarred({"a": b"x"})[:512])
    header[156:157], header[124:136] = b"x", b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert scanned(bytes(header) + bytes(1024)).state is ReadState.BLOCKED
    data = bytearray(zipped())
    struct.pack_into("<I", data, len(data) - 10, 0x7FFFFFFF)
    sheet = scanned(bytes(data))
    assert sheet.state is ReadState.BLOCKED
    assert "directory" in sheet.reason


def test_redaction_refuses_archives():
    for form, data in (("zip", zipped()), ("gzip", gzip.compress(PLACE))):
        sheet = scanned(data)
        with pytest.raises(RedactionError, match=f"does not redact {form} yet"):
            redact(io.BytesIO(data), io.BytesIO(), RedactionOrder(), name="x", sheet=sheet)


def test_real_files_say_the_same_in_an_archive(shared):
    names = ["asam/e6mini.xodr", "api/renault/location.2.json", "osm/helsinki_west.osm.pbf"]
    files = {name: (shared / "data" / name).read_bytes() for name in names}
    whole = scanned(gzip.compress(tarred(files)))
    assert whole.state is ReadState.READ
    assert set(whole.data) == {data for one in files.values() for data in scanned(one).data}


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(
        [zipped(), tarred(), gzip.compress(PLACE), zstandard.compress(PLACE), lzma.compress(PLACE)]
    ),
    st.integers(0, 4000),
    st.binary(min_size=1, max_size=5),
    st.integers(0, 4000),
)
def test_damage_never_raises_and_is_never_read_and_empty(data, at, noise, cut):
    at %= len(data)
    damaged = (data[:at] + noise + data[at + len(noise) :])[: max(1, len(data) - cut % len(data))]
    sheet = scanned(damaged)
    assert sheet.state is not ReadState.READ or sheet.streams
    assert sheet.state is ReadState.READ or sheet.reason
