"""What the scan reads and nothing rewrites yet: `carnet redact` says so, by name, and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from itertools import accumulate

import pytest

from carnet.service import cli


def parquet() -> bytes:
    pa = pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table({"lat": [1.5, 2.5]}), out)
    return out.getvalue()


def mdf4() -> bytes:
    def block(kind: bytes, links: tuple[int, ...], fields: bytes) -> bytes:
        head = struct.pack(
            f"<4s4xQQ{len(links)}Q", kind, 24 + 8 * len(links) + len(fields), len(links), *links
        )
        return head + fields

    # Header, data group, channel group, one channel of a byte, its name, three records.
    head = struct.pack("<8s8s8s4xH30x4x", b"MDF     ", b"4.10    ", b"test", 410)
    places = [64, 168, 232, 344, 512, 544]
    parts = [
        block(b"##HD", (places[1], 0, 0, 0, 0, 0), struct.pack("<Q24x", 10**18)),
        block(b"##DG", (0, places[2], places[5], 0), bytes(8)),
        block(b"##CG", (0, places[3], 0, 0, 0, 0), struct.pack("<QQHH4xII", 0, 3, 0, 0, 1, 0)),
        block(
            b"##CN", (0, 0, places[4], 0, 0, 0, 0, 0), struct.pack("<BBBBIIIIBxH48x", *[0] * 5, 8, *[0] * 4)
        ),
        block(b"##TX", (), b"speed\0\0\0"),
        block(b"##DT", (), b"abc"),
    ]
    for place, part in zip(places, parts, strict=True):
        head = head.ljust(place, b"\0") + part
    return head


def ubx() -> bytes:
    body = bytes([1, 7, 92, 0, *bytes(92)])
    return b"\xb5\x62" + body + bytes([sum(body) & 255, sum(accumulate(body)) & 255])


LOGS = {
    "asc": b"date Sat Sep 30 15:06:13 2017\nbase hex timestamps absolute\n0.5 1 123 Rx d 1 00\n",
    "trc": b";$FILEVERSION=1.1\n 1) 17535.4 Rx 0100 1 00\n",
    "can-csv": b"time,addr,bus,data\n1.5,0x21a,2,0xfe3612\n",
    "blf": struct.pack("<4sL", b"LOGG", 144).ljust(144, b"\0")
    + struct.pack("<4sHHLLLHHQHBBL8s", b"LOBJ", 32, 1, 48, 1, 2, 0, 0, 5, 1, 0, 8, 0x123, b"12345678"),
}


def npy() -> bytes:
    np = pytest.importorskip("numpy", reason="carnet[recordings] is not installed")
    pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")
    out = io.BytesIO()
    np.save(out, np.array([[1.5, 2.5]]))
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a/place.json", '{"lat": 48.1371, "lon": 11.5754}')
    return out.getvalue()


PLAIN = {
    "pnm": b"P6 2 1 255\n" + bytes(6),
    "opendrive": b'<OpenDRIVE><header name="a"/></OpenDRIVE>',
    "xml": b'<log name="a"/>',
    "gzip": gzip.compress(b"a line\n"),
}
MADE = {"parquet": parquet, "mdf4": mdf4, "ubx": ubx, "npy": npy}
MADE |= {"zip": zipped} | {form: (lambda data=data: data) for form, data in PLAIN.items()}
MADE |= {form: (lambda data=data: data) for form, data in LOGS.items()}


def rinex() -> bytes:
    return b"".join(
        text.ljust(60) + label + b"\n"
        for text, label in (
            (b"     3.04", b"RINEX VERSION / TYPE"),
            (b"", b"END OF HEADER"),
            (b"G05  2.1", b""),
        )
    )


def pcap() -> bytes:
    return (
        struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        + struct.pack("<IIII", 1, 1, 20, 20)
        + bytes(20)
    )


def pcd() -> bytes:
    pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")
    return b"# .PCD v0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 1\nDATA ascii\n1 2 3\n"


def sweep() -> bytes:
    pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")
    return struct.pack("<800f", *(value for k in range(200) for value in (k / 9, -k / 7, 1.5, 0.5)))


def gpx() -> bytes:
    return b'<gpx><wpt lat="48.1" lon="11.5"/></gpx>'


MADE |= {"rinex": rinex, "pcap": pcap, "pcd": pcd, "sweep": sweep, "gpx": gpx}


@pytest.mark.parametrize("form", MADE)
def test_redact_names_the_format_that_it_does_not_rewrite(form, tmp_path, capsys):
    (tmp_path / "in").write_bytes(MADE[form]())
    with pytest.raises(SystemExit) as ended:
        cli.main(["redact", str(tmp_path / "in"), str(tmp_path / "out"), "--setting", "fast"])
    assert ended.value.code == 2
    assert f"carnet does not redact {form} yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
