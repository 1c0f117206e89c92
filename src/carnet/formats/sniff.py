"""What a file is, told from its first bytes: names and extensions lie.

Signatures are those of the formats' own descriptions. What stands in `FORMATS` leads to a reader; the others
give the reason why the file is blocked its proper name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from carnet.formats.can_asc import is_asc
from carnet.formats.can_console import is_busmaster, is_console
from carnet.formats.can_csv import is_frame_table
from carnet.formats.can_databases import ARXML, DBC, KCD, SYM, database_form
from carnet.formats.can_trc import is_trc
from carnet.formats.cloud_values import is_sweep
from carnet.formats.dbf_read import DBF, is_dbf
from carnet.formats.osm_pbf_read import PBF, is_pbf
from carnet.formats.raster import BMP, GIF, PNM, TIFF, WEBP, is_bmp, is_pnm, is_webp
from carnet.formats.receiver_frames import is_log
from carnet.formats.rinex_read import is_rinex
from carnet.formats.shape_read import SHP, SHX, is_shp, is_shx
from carnet.formats.sound_read import AAC, FLAC, MP3, OGG, WAV, is_adts, is_mp3, is_wav
from carnet.formats.tar_entries import is_tar
from carnet.formats.xml_root import is_xml, root_of

HEAD_BYTES = 4096

MCAP, JPEG, PNG, MP4, CANDUMP = "mcap", "jpeg", "png", "mp4", "candump"
PARQUET, ARROW, XML = "parquet", "arrow", "xml"
ZIP, TAR, GZIP, BZIP2, XZ, ZSTD = "zip", "tar", "gzip", "bzip2", "xz", "zstd"
ROSBAG1, SQLITE, MKV = "rosbag1", "rosbag2", "mkv"
MDF4, ASC, TRC, BLF, CAN_CSV = "mdf4", "asc", "trc", "blf", "can-csv"

_CANDUMP = re.compile(rb"\(\d{1,12}\.\d{1,9}\)[ \t]+\S{1,64}[ \t]+[0-9A-Fa-f]{3,8}#")
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"moof", b"styp"})


@dataclass(frozen=True, slots=True)
class Format:
    """A format that carnet reads.

    Attributes:
        name: its name, as `scan --json` prints it.
        takes: says of a file's first `HEAD_BYTES` bytes whether they are of this format.
        reader: module and class of the reader, imported when the first such file is opened.
        wants: what the reader's constructor is given after the source: of `name` (the file's name), `form`
            (the format's name), `length` (bytes), `companions` (files beside it, by name).
    """

    name: str
    takes: Callable[[bytes], bool]
    reader: str
    wants: tuple[str, ...] = ()


# The comment is usual, and the format does not ask for it (pointclouds.org, "The PCD file format").
_PCD = (
    b"# .PCD",
    *(b"VERSION %b%bFIELDS " % (one, end) for one in (b".7", b"0.7") for end in (b"\n", b"\r\n")),
)


def starting(*signs: bytes) -> Callable[[bytes], bool]:
    """Take first bytes that begin with one of these signs."""
    return lambda head: head.startswith(signs)


def rooted(*names: str) -> Callable[[bytes], bool]:
    """Take XML texts whose root element has one of these names, without its prefix."""
    return lambda head: root_of(head) in names


def _is_arrow(head: bytes) -> bool:
    """Take Arrow files, and Arrow streams: a sign, the length of the schema, where its root stands in it."""
    if head.startswith(b"ARROW1\x00\x00"):
        return True
    length, root = (int.from_bytes(head[at : at + 4], "little") for at in (4, 8))
    return head.startswith(b"\xff\xff\xff\xff") and 0 < root < min(length, HEAD_BYTES) and length % 8 == 0


def _is_bzip2(head: bytes) -> bool:
    """Take bzip2 by the sign of its first block, or of its end where it holds nothing."""
    return head[:3] == b"BZh" and head[4:10] in {b"1AY&SY", b"\x17rE8P\x90"}


# pcap in both byte orders with micro- and nanoseconds, pcapng.
_CAPTURES = (
    *(b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1"),
    *(b"\xa1\xb2\x3c\x4d", b"\x0a\x0d\x0d\x0a"),
)

# In this order: a signature of bytes before a pattern of text, since a text may quote anything.
FORMATS: tuple[Format, ...] = (
    Format(MCAP, starting(b"\x89MCAP"), "mcap_read:McapReader"),
    Format(ROSBAG1, starting(b"#ROSBAG V2.0\n"), "rosbag1_read:Bag1Reader"),
    Format(
        MKV,
        lambda head: head.startswith(b"\x1aE\xdf\xa3") and b"matroska" in head[:80],
        "mkv_read:MkvReader",
        ("length",),
    ),
    Format(SQLITE, starting(b"SQLite format 3\x00"), "rosbag2_read:Bag2Reader"),
    Format(MDF4, starting(b"MDF     ", b"UnFinMF "), "mdf_read:MdfReader", ("length",)),
    Format(JPEG, starting(b"\xff\xd8\xff"), "picture:PictureReader", ("form", "length")),
    Format(PNG, starting(b"\x89PNG\r\n\x1a\n"), "picture:PictureReader", ("form", "length")),
    Format(PBF, is_pbf, "osm_pbf_read:OsmPbfReader"),
    Format(GIF, starting(b"GIF87a", b"GIF89a"), "raster_read:RasterReader", ("form", "length")),
    Format(TIFF, starting(b"II*\x00", b"MM\x00*"), "raster_read:RasterReader", ("form", "length")),
    Format(WEBP, is_webp, "raster_read:RasterReader", ("form", "length")),
    Format(BMP, is_bmp, "raster_read:RasterReader", ("form", "length")),
    Format(PNM, is_pnm, "raster_read:RasterReader", ("form", "length")),
    Format(PARQUET, starting(b"PAR1"), "arrow_read:ParquetReader", ("length",)),
    Format(ARROW, _is_arrow, "arrow_read:ArrowReader", ("length",)),
    Format(ZIP, starting(b"PK\x03\x04", b"PK\x05\x06"), "archive_read:ArchiveReader", ("form", "length")),
    Format(GZIP, starting(b"\x1f\x8b\x08"), "archive_read:ArchiveReader", ("form", "length")),
    Format(BZIP2, _is_bzip2, "archive_read:ArchiveReader", ("form", "length")),
    Format(XZ, starting(b"\xfd7zXZ\x00"), "archive_read:ArchiveReader", ("form", "length")),
    Format(ZSTD, starting(b"\x28\xb5\x2f\xfd"), "archive_read:ArchiveReader", ("form", "length")),
    Format(SHX, is_shx, "shape_read:ShapeReader", ("form", "length")),
    Format(SHP, is_shp, "shape_read:ShapeReader", ("form", "length")),
    Format(DBF, is_dbf, "dbf_read:DbfReader", ("length",)),
    Format(TAR, is_tar, "archive_read:ArchiveReader", ("form", "length")),
    Format(MP4, lambda head: head[4:8] in _MP4_BOXES, "mp4_read:Mp4Reader", ("length",)),
    Format(WAV, is_wav, "sound_read:SoundReader", ("form", "length")),
    Format(FLAC, starting(b"fLaC"), "sound_read:SoundReader", ("form", "length")),
    Format(OGG, starting(b"OggS"), "sound_read:SoundReader", ("form", "length")),
    Format(MP3, is_mp3, "sound_read:SoundReader", ("form", "length")),
    Format(AAC, is_adts, "sound_read:SoundReader", ("form", "length")),
    Format(BLF, starting(b"LOGG"), "can_blf:BlfReader", ("length",)),
    Format(ASC, is_asc, "can_asc:AscReader"),
    Format(TRC, is_trc, "can_trc:TrcReader"),
    Format(CAN_CSV, is_frame_table, "can_csv:FrameTableReader"),
    Format(CANDUMP, lambda head: _CANDUMP.search(head[:512]) is not None, "can:CandumpReader"),
    Format("candump-console", is_console, "can_console:ConsoleReader"),
    Format("busmaster", is_busmaster, "can_console:BusmasterReader"),
    Format(DBC, lambda head: database_form(head) == DBC, "can_databases:DatabaseReader", ("form",)),
    Format(SYM, lambda head: database_form(head) == SYM, "can_databases:DatabaseReader", ("form",)),
    Format(KCD, lambda head: database_form(head) == KCD, "can_databases:DatabaseReader", ("form",)),
    Format(ARXML, lambda head: database_form(head) == ARXML, "can_databases:open_arxml"),
    Format("npy", starting(b"\x93NUMPY"), "npy_read:NpyReader", ("length",)),
    Format("pcap", starting(*_CAPTURES), "pcap_read:PcapReader", ("companions",)),
    Format("pcd", starting(*_PCD), "cloud_read:PcdReader", ("length",)),
    Format("rinex", is_rinex, "rinex_read:RinexReader"),
    Format("receiver", is_log, "receiver_read:ReceiverReader"),
    # XML texts go by their root element: each vocabulary by `rooted("gpx")` and the like, any other XML last.
    Format(XML, is_xml, "xml_read:XmlReader"),
    # No sign announces it, so everything that has one comes before it.
    Format("sweep", is_sweep, "cloud_read:SweepReader", ("length",)),
)

# (offset, bytes, what it is): kept, not read.
_FOREIGN: tuple[tuple[int, bytes, str], ...] = (
    (0, b"#ROSBAG V", "a ROS 1 bag of another version than 2.0"),
    (0, b"Generic File", "a log that its logger compressed or encrypted (CSS Electronics' MFC, MFE or MFM)"),
    (0, b"PARE", "an encrypted Parquet table"),
    (0, b"FEA1", "a Feather 1 table"),
    (0, b"\x1aE\xdf\xa3", "a WebM video"),
    (0, b"II+\x00", "a BigTIFF picture"),
    (0, b"MM\x00+", "a BigTIFF picture"),
    (0, b"RIFF", "a RIFF container (AVI)"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"Salted__", "a file encrypted by OpenSSL"),
    (0, b"age-encryption.org", "a file encrypted by age"),
    (0, b"-----BEGIN PGP MESSAGE", "a file encrypted by OpenPGP"),
)
# The same for what is no text: a text may begin with the letters of some of these.
_BINARY: tuple[tuple[int, bytes, str], ...] = (
    (0, b"LASF", "a LAS or LAZ point cloud"),
    (8, b".FIT", "a FIT activity of a sports watch"),
    (0, b"ULog\x01\x12\x35", "a ULog flight log"),
    (0, b"DEVC\x00", "a GoPro metadata track (GPMF)"),
    (0, b"DLT\x01", "an AUTOSAR DLT log"),
    (0, b"TDSm", "a TDMS measurement file"),
    (0, b"MATLAB 5.0 MAT-file", "a MATLAB file"),
    (0, b"Obj\x01", "an Avro file"),
    (0, b"8BPS", "a Photoshop picture"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (0, b"DDS |\x00", "a DirectDraw picture"),
    (0, b"fLaC", "a FLAC sound file"),
    (0, b"\xff\xfb", "an MP3 sound file"),
    (0, b"FLV\x01", "a Flash video"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file"),
    (0, b"\x00\x00\x01\xba", "an MPEG programme stream"),
    (0, b"\x00\x00\x01\xb3", "an MPEG video"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an older Office document"),
    (0, b"\x7fELF", "a program"),
    (0, b"\x80\x04\x95", "pickled Python objects"),
)
# A log may have bells, backspaces and colours.
_TEXT = bytes({*range(7, 14), 27, *range(32, 256)})


def head_of(source: BinaryIO) -> bytes:
    """Give the first bytes and put the source back at its start."""
    source.seek(0)
    head = source.read(HEAD_BYTES)
    source.seek(0)
    return head


def length_of(source: BinaryIO) -> int:
    """Give the length in bytes and put the source back at its start."""
    length = source.seek(0, 2)
    source.seek(0)
    return length


def known_format(head: bytes) -> str | None:
    """Name the format that carnet reads and that these first bytes announce, else None."""
    found = format_of(head)
    return found.name if found else None


def format_of(head: bytes) -> Format | None:
    """Give the entry of `FORMATS` that takes these first bytes: the first of the table that does."""
    return next((one for one in FORMATS if one.takes(head)), None)


def is_text(head: bytes) -> bool:
    """Say whether first bytes are text: without control characters, or UTF-16 by its mark."""
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or not head.translate(None, _TEXT)


_OWN = (
    b"#ROSBAG V",
    b"\x89MCAP",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"SQLite format 3\x00",
    b"\x1aE\xdf\xa3",
    b"GIF89a",
    b"GIF87a",
    b"MDF     ",
    b"UnFinMF ",
    b"LOGG",
    b"fLaC",
    b"OggS",
    b"ID3",
)


def is_plain_text(head: bytes) -> bool:
    """Say whether first bytes are a text that no other description fits: JSON, a table or plain lines."""
    foreign = any(head[at : at + len(sign)] == sign for at, sign, _ in _FOREIGN)
    # The first letters of a recording are no text.
    cut = any(sign.startswith(head) for sign in (*_OWN, *(sign for at, sign, _ in _FOREIGN if not at)))
    return bool(head) and not foreign and not cut and is_text(head) and not _is_vbox(head)


def _is_vbox(head: bytes) -> bool:
    """Take logs of Racelogic's VBOX: texts in sections, whose places are minutes that no name stands beside."""
    return b"[column names]" in head and (b"[header]" in head or b"[data]" in head)


def foreign_name(head: bytes) -> str:
    """Say in words what a file that carnet does not read seems to be."""
    for offset, signature, name in (*_FOREIGN, *_BINARY):
        if head[offset : offset + len(signature)] == signature:
            return name
    if not head.strip(b"\x00"):
        return "nothing but zero bytes"
    if _is_vbox(head):
        return "a VBOX log (Racelogic)"
    if is_text(head):
        return "a text"
    return "of no known kind, or encrypted"
