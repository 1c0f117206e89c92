"""Makes the seeds of `make fuzz`: one or more small files a format, drawn here, of nobody's drive.

    python scripts/make_fuzz_seeds.py

Writes tests/fuzz/<format>/seed-*; what is there already under other names (findings) stays.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import av
import can
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import zstandard
from mcap.writer import Writer
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from carnet.formats.sniff import HEAD_BYTES, format_of, is_plain_text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "formats"))

# The tests' own makers of files, found beside them.
import test_cloud_read  # noqa: E402 -- after its folder is known
import test_mdf_read  # noqa: E402
import test_osm_pbf_read  # noqa: E402
import test_pcap_read  # noqa: E402
import test_picture  # noqa: E402
import test_receiver_read  # noqa: E402
import test_shape_read  # noqa: E402

CSV = b"time;lat;lon;speed\n" + b"".join(b"%d;48.1%02d;11.5%02d;%d\n" % (i, i, i, i) for i in range(8))
GPX = (
    b'<?xml version="1.0"?><gpx version="1.1"><trk><name>a</name><trkseg>'
    b'<trkpt lat="48.1" lon="11.5"><ele>500</ele><time>2020-01-01T00:00:00Z</time></trkpt>'
    b'<trkpt lat="48.2" lon="11.6"/></trkseg></trk></gpx>'
)
XODR = (
    b'<OpenDRIVE><header name="x"><geoReference><![CDATA[+proj=tmerc +lat_0=48 +lon_0=11]]></geoReference>'
    b'</header><road id="1" length="5"/></OpenDRIVE>'
)
DBC = b'VERSION ""\nBU_: A\nBO_ 291 GPS: 8 A\n SG_ Lat : 0|32@1- (1E-7,0) [0|0] "deg" A\nCM_ BO_ 291 "a place";\n'
SYM = b'FormatVersion=6.0\nTitle="x"\n\n{SEND}\n\n[Speed]\nID=100h\nDLC=8\nVar=V unsigned 0,16 /u:km/h // a comment\n'
KCD = (
    b'<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0"><Document name="x"/><Bus name="b">'
    b'<Message id="0x123" name="M" length="8"><Signal name="S" offset="0" length="8"/></Message></Bus>'
    b"</NetworkDefinition>"
)
ARXML = (
    b'<?xml version="1.0"?><AUTOSAR xmlns="http://autosar.org/schema/r4.0"><AR-PACKAGES><AR-PACKAGE>'
    b"<SHORT-NAME>C</SHORT-NAME></AR-PACKAGE></AR-PACKAGES></AUTOSAR>"
)
CANDUMP = b"".join(b"(1579874871.%06d) can0 %03X#0011223344556677\n" % (i, 0x100 + i) for i in range(8))
ASC = (
    b"date Sat Sep 30 15:06:13.191 2017\nbase hex  timestamps absolute\n"
    b"   0.100000 1  123             Rx   d 8 01 02 03 04 05 06 07 08\n"
    b"   0.200000 1  18FEF1FEx       Rx   d 2 01 02\n"
)
TRC = (
    b";$FILEVERSION=1.1\n;$STARTTIME=43008.920986006\n;\n"
    b"     1)       2.5  Rx         0300  8  00 00 00 00 00 00 00 00\n"
    b"     2)       3.5  Rx         0301  2  00 01\n"
)
NMEA = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n" * 3
RINEX = (
    b"     2.11           OBSERVATION DATA    G (GPS)             RINEX VERSION / TYPE\n"
    b"  4075580.1000   931853.8000  4801568.1000                  APPROX POSITION XYZ\n"
    b"                                                            END OF HEADER\n"
    b" 20  1  1  0  0  0.0000000  0  2G01G02\n  20000000.123\n  21000000.456\n"
)


def main() -> None:
    """Write every seed below tests/fuzz."""
    folder = ROOT / "tests" / "fuzz"
    for number, data in enumerate(seeds()):
        head = data[:HEAD_BYTES]
        found = format_of(head)
        if found is None and not is_plain_text(head):
            raise SystemExit(f"seed {number} is of no format: {head[:20]!r}")
        place = folder / (found.name if found else "text")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"seed-{number:02}").write_bytes(data)


def seeds() -> Iterator[bytes]:
    """Give the seeds: what they are is told from their bytes."""
    yield from (CSV, GPX, XODR, DBC, SYM, KCD, ARXML, CANDUMP, ASC, TRC, NMEA, RINEX)
    yield b'{"vin": "WVWZZZ1JZXW000001", "position": {"lat": 48.1, "lng": [11.5, null]}, "x": "caf\\u00e9"}'
    yield b'{"lat": 48.1, "lon": 11.5}\n{"lat": 48.2, "lon": 11.6}\n'
    yield b"Timestamp,ID,Extended,Data\n0.1,0x123,0,0011223344556677\n0.2,0x124,0,00\n"
    yield b"timestamp,arbitration_id,extended,remote,error,dlc,data\n0.1,0x123,0,0,0,2,EjQ=\n"
    yield from receivers()
    yield from pictures()
    yield from archives()
    yield from tables()
    yield from recordings()
    for form, body in (("binary", test_cloud_read.sweep(20).tobytes()), ("ascii", b"1 2 3 0.5\n" * 20)):
        yield test_cloud_read.pcd(form, body, points=20)
    yield test_cloud_read.sweep(200).tobytes()
    yield test_mdf_read.rich()
    yield test_mdf_read.simple()
    yield test_osm_pbf_read.made()
    packet = test_pcap_read.ethernet(test_pcap_read.ipv4(test_pcap_read.udp(NMEA)))
    yield test_pcap_read.pcap([packet])
    yield test_pcap_read.pcapng([packet])
    yield test_shape_read.shapes(3, test_shape_read.line((11.1, 48.1), (11.2, 48.2)))
    yield test_shape_read.table(("Muster", "48.1"), ("Beispiel", "11.5"))
    index = bytearray(test_shape_read.shapes(3)[:100])
    index[24:28] = (54).to_bytes(4, "big")
    yield bytes(index) + (50).to_bytes(4, "big") + (10).to_bytes(4, "big")
    yield from sounds()


def sounds() -> Iterator[bytes]:
    """Give a tenth of a second of silence in each form of sound file."""
    for form, codec in (
        ("wav", "pcm_s16le"),
        ("flac", "flac"),
        ("ogg", "libopus"),
        ("mp3", "libmp3lame"),
        ("adts", "aac"),
    ):
        out = io.BytesIO()
        with av.open(out, "w", format=form) as file:
            track = file.add_stream(codec, rate=16_000, layout="mono")
            file.metadata["comment"] = "a text"
            resampler = av.AudioResampler(track.codec_context.format.name, "mono", 16_000, frame_size=320)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="mono")
            frame.sample_rate = 16_000
            for one in (frame, None):
                for made in resampler.resample(one):
                    file.mux(track.encode(made))
            file.mux(track.encode(None))
        yield out.getvalue()


def receivers() -> Iterator[bytes]:
    """Give logs of receivers in binary."""
    yield test_receiver_read.DRIVE[:300]
    yield test_receiver_read.novatel(42, bytes(72)) * 2


def pictures() -> Iterator[bytes]:
    """Give a small picture of each form, with texts beside it where they have room."""
    picture = np.full((12, 16, 3), 90, dtype=np.uint8)
    for suffix in (".tiff", ".webp", ".bmp", ".ppm", ".gif"):
        fine, data = cv2.imencode(suffix, picture)
        if fine:
            yield data.tobytes()
    yield test_picture.jpeg()
    yield test_picture.png(test_picture.chunk(b"tEXt", b"Comment\x00a place"))


def archives() -> Iterator[bytes]:
    """Give archives of a table, each also as it packs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/b.csv", CSV)
        file.writestr(zipfile.ZipInfo("c.gpx"), GPX)
    yield out.getvalue()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        about = tarfile.TarInfo("a/b.csv")
        about.size = len(CSV)
        tar.addfile(about, io.BytesIO(CSV))
    yield out.getvalue()
    yield gzip.compress(CSV, mtime=0)
    yield bz2.compress(CSV)
    yield lzma.compress(CSV)
    yield zstandard.compress(CSV)


def tables() -> Iterator[bytes]:
    """Give tables with a place in them."""
    rows = 12
    table = pa.table(
        {
            "lat": [48.1 + i / 100 for i in range(rows)],
            "lon": [11.5 + i / 100 for i in range(rows)],
            "note": ["a"] * rows,
            "deep": [{"x": [i, 1]} for i in range(rows)],
        }
    )
    out = io.BytesIO()
    pa.parquet.write_table(table, out, compression="zstd")
    yield out.getvalue()
    out = io.BytesIO()
    pa.feather.write_feather(table, out, compression="uncompressed")
    yield out.getvalue()
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    yield stream.getvalue()
    for value in (np.arange(40.0).reshape(10, 4), np.zeros(3, dtype=[("lat", "<f8"), ("lon", "<f8")])):
        out = io.BytesIO()
        np.save(out, value)
        yield out.getvalue()


def recordings() -> Iterator[bytes]:
    """Give recordings of a few messages, and clips of a few frames."""
    out = io.BytesIO()
    mcap = Writer(out)
    mcap.start("", "")
    schema = mcap.register_schema("x", "jsonschema", b"{}")
    channel = mcap.register_channel("/gps", "json", schema)
    for i in range(4):
        mcap.add_message(channel, i, json.dumps({"lat": 48.1, "lon": 11.5}).encode(), i)
    mcap.add_attachment(0, 0, "a.txt", "text/plain", b"a text")
    mcap.add_metadata("m", {"a": "b"})
    mcap.finish()
    yield out.getvalue()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        types = get_typestore(Stores.ROS1_NOETIC)
        text = types.types["std_msgs/msg/String"]
        with Writer1(folder / "x.bag") as bag:
            connection = bag.add_connection("/a", text.__msgtype__, typestore=types)
            bag.write(connection, 1, types.serialize_ros1(text(data="x"), text.__msgtype__))
        yield (folder / "x.bag").read_bytes()
        types = get_typestore(Stores.ROS2_HUMBLE)
        text = types.types["std_msgs/msg/String"]
        with Writer2(folder / "two", version=8) as bag2:
            connection2 = bag2.add_connection("/a", text.__msgtype__, typestore=types)
            bag2.write(connection2, 1, types.serialize_cdr(text(data="x"), text.__msgtype__))
        yield next((folder / "two").glob("*.db3")).read_bytes()
        with can.BLFWriter(folder / "x.blf") as blf:
            for i in range(4):
                blf.on_message_received(
                    can.Message(timestamp=i, arbitration_id=0x123 + i, data=struct.pack(">Q", i))
                )
        yield (folder / "x.blf").read_bytes()
    for form in ("mp4", "matroska"):
        out = io.BytesIO()
        with av.open(out, "w", format=form) as clip:
            track = clip.add_stream("mpeg4", rate=10)
            track.width, track.height, track.pix_fmt = 32, 32, "yuv420p"
            clip.metadata["comment"] = "a text"
            for i in range(3):
                frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 * i, dtype=np.uint8))
                clip.mux(track.encode(frame))
            clip.mux(track.encode())
        yield out.getvalue()


if __name__ == "__main__":
    main()
