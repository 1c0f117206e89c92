"""Attack: plant tokens in files of every format, redact them by carnet, and look for them in every byte.

Each file carries a VIN, a plate, a mail, a telephone number and a place wherever its format lets it. The scanner
(`attack_scanner`) has to find every planted token in the original, or the file proves nothing; then it looks
through what carnet wrote, the name that it suggests and the report. The bar is none.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import simplejpeg
from mcap.writer import CompressionType, Writer
from rosbags.typesys import Stores, get_typestore

from attack_scanner import found_in, place_needles, text_needles
from attack_table import Row, show
from carnet.classify.describe import describe
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact

VIN, PLATE, MAIL, PHONE = "1M8GDM9AXKP042788", "沪A12345", "anna.muster@fleet.example", "+49 711 1234567"
PLACE = (31.120412, 121.198134)
ORDER = RedactionOrder(
    frozenset({"faces", "plates", "vin", "names", "device_ids", "precise_location"}), setting="fast"
)
SENTENCE = f"vin {VIN} plate {PLATE} mail {MAIL} call {PHONE} at {PLACE[0]}, {PLACE[1]} end"
NEEDLES = {
    "vin": text_needles(VIN) | text_needles(VIN[:8]) | text_needles(VIN[8:]),
    "plate": text_needles(PLATE),
    "mail": text_needles(MAIL),
    "telephone": text_needles(PHONE),
    "place": place_needles(*PLACE),
}
STORE = get_typestore(Stores.ROS2_HUMBLE)
START_NS = 1_790_000_000_000_000_000


def _picture(text: bytes = b"") -> bytes:
    image = np.random.default_rng(4).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    made: bytes = simplejpeg.encode_jpeg(image, quality=80, colorspace="BGR")
    if not text:
        return made
    # EXIF with one ASCII description; XMP; a comment.
    tiff = (
        b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHII", 0x010E, 2, len(text), 26) + bytes(4) + text
    )
    parts = [
        b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\x00\x00" + tiff,
        b"\xff\xe1" + struct.pack(">H", len(text) + 31) + b"http://ns.adobe.com/xap/1.0/\x00" + text,
        b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text,
    ]
    return made[:2] + b"".join(parts) + made[2:] + b"trailer " + text


def jpeg() -> bytes:
    """A picture with texts in EXIF, XMP, a comment and behind its end."""
    return _picture(SENTENCE.encode() + b"\x00")


def mp4() -> bytes:
    """A clip with texts in the container."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
            container.metadata.update(
                {
                    "comment": SENTENCE,
                    "title": VIN,
                    "location": f"{PLACE[0]:+.6f}{PLACE[1]:+.6f}/",
                    "artist": MAIL,
                }
            )
            stream = container.add_stream("libx264", 10)
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
            stream.metadata["handler_name"] = SENTENCE
            for number in range(5):
                picture = np.full((96, 128, 3), number * 20, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _isotp() -> list[bytes]:
    content = b"\x62\xf1\x90" + VIN.encode()
    return [
        bytes([0x10, len(content)]) + content[:6],
        *(bytes([0x21 + n]) + content[6 + 7 * n : 13 + 7 * n] for n in range(2)),
    ]


def candump() -> bytes:
    """A log with the VIN as an answer over ISO-TP and as characters, and comments between the frames."""
    lines = [f"(1790000000.{n:06d}) can0 1A0#{n:016X}" for n in range(40)]
    lines += [f"(1790000001.{n:06d}) can0 7E8#{one.hex().upper()}" for n, one in enumerate(_isotp())]
    pieces = (VIN[:8], VIN[8:16], VIN[16:])
    lines += [
        f"(1790000002.{n:06d}) can0 {0x580 + n:03X}#{one.encode().hex()}" for n, one in enumerate(pieces)
    ]
    return "\n".join([*lines[:5], f"# {SENTENCE}", *lines[5:]]).encode() + b"\n"


def _records() -> list[dict[str, object]]:
    return [
        {"vin": VIN, "note": SENTENCE, "speed": 12.5},
        {"license_plate": PLATE, "phone": PHONE, "owner": {"email": MAIL}},
        {"position": {"latitude": PLACE[0], "longitude": PLACE[1]}, MAIL: 1},
        {"packed": base64.b64encode(SENTENCE.encode()).decode(), "hex": SENTENCE.encode().hex()},
        {"wide": base64.b64encode(SENTENCE.encode("utf-16-le")).decode(), "small": VIN.lower()},
    ]


def json_document() -> bytes:
    """A document with tokens in keys, values, numbers, base 64 and hexadecimal digits."""
    return json.dumps({"trips": _records()}, indent=1).encode()


def ndjson() -> bytes:
    """The same, one record a line, in Chinese as it stands."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in _records()).encode()


def table() -> bytes:
    """A table in UTF-16 with quoted cells."""
    rows = ["id;vin;license_plate;latitude;longitude;note"]
    rows += [f'{n};{VIN};{PLATE};{PLACE[0]};{PLACE[1]};"{SENTENCE}; ""quoted"""' for n in range(4)]
    return ("\r\n".join(rows) + "\r\n").encode("utf-16")


def lines() -> bytes:
    """A log in GB 18030."""
    return f"start\n{SENTENCE}\nbase64 {base64.b64encode(SENTENCE.encode()).decode()}\nend\n".encode(
        "gb18030"
    )


def _fix() -> bytes:
    types = STORE.types
    header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](1, 0), "gnss")
    fix = types["sensor_msgs/msg/NavSatFix"](
        header, types["sensor_msgs/msg/NavSatStatus"](0, 1), *PLACE, 4.0, np.zeros(9), 0
    )
    return bytes(STORE.serialize_cdr(fix, "sensor_msgs/msg/NavSatFix"))


def mcap_with(compression: CompressionType) -> Callable[[], bytes]:
    """A recording with tokens in topics, metadata, attachments, strings, JSON, frames, pictures and positions."""

    def make() -> bytes:
        out = io.BytesIO()
        writer = Writer(out, compression=compression)
        writer.start(profile=f"car {VIN}", library=SENTENCE)
        writer.add_metadata("vehicle", {"vin": VIN, "owner": SENTENCE})
        writer.add_attachment(0, 0, f"{VIN}.txt", "text/plain", gzip.compress(SENTENCE.encode()))

        def channel(topic: str, name: str, **metadata: str) -> int:
            text, _ = STORE.generate_msgdef(name, ros_version=2)
            schema = writer.register_schema(name, "ros2msg", text.encode())
            return writer.register_channel(topic, "cdr", schema, metadata)

        fix = channel("/gnss/fix", "sensor_msgs/msg/NavSatFix")
        log = channel(f"/log/{VIN}", "std_msgs/msg/String", owner=SENTENCE)
        blob = channel("/blob", "std_msgs/msg/ByteMultiArray")
        camera = channel("/camera", "sensor_msgs/msg/CompressedImage")
        note = writer.register_channel("/note", "json", writer.register_schema("n", "jsonschema", b"{}"))
        types = STORE.types
        header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](1, 0), MAIL)
        image = types["sensor_msgs/msg/CompressedImage"](
            header, "jpeg", np.frombuffer(jpeg(), dtype=np.uint8)
        )
        text = types["std_msgs/msg/String"](SENTENCE)
        layout = types["std_msgs/msg/MultiArrayLayout"]([], 0)
        wide = np.frombuffer(SENTENCE.encode("utf-16-le"), dtype=np.uint8)
        array = types["std_msgs/msg/ByteMultiArray"](layout, wide)
        for at, record in enumerate(_records()):
            now = START_NS + at * 10**8
            writer.add_message(fix, now, _fix(), now)
            writer.add_message(log, now, bytes(STORE.serialize_cdr(text, "std_msgs/msg/String")), now)
            writer.add_message(
                blob, now, bytes(STORE.serialize_cdr(array, "std_msgs/msg/ByteMultiArray")), now
            )
            writer.add_message(
                camera, now, bytes(STORE.serialize_cdr(image, "sensor_msgs/msg/CompressedImage")), now
            )
            writer.add_message(note, now, json.dumps(record).encode(), now)
        writer.finish()
        return out.getvalue()

    return make


FILES: dict[str, Callable[[], bytes]] = {
    f"{VIN}_zstd.mcap": mcap_with(CompressionType.ZSTD),
    f"{VIN}_lz4.mcap": mcap_with(CompressionType.LZ4),
    "plain.mcap": mcap_with(CompressionType.NONE),
    "picture.jpg": jpeg,
    "clip.mp4": mp4,
    "bus.log": candump,
    "trips.json": json_document,
    "trips.ndjson": ndjson,
    "trips.csv": table,
    f"{MAIL}.txt": lines,
}


def rows(files: dict[str, Callable[[], bytes]] | None = None) -> list[Row]:
    """Redact each file and look for what was planted in it."""
    made = []
    planted = survived = 0
    for name, make in (files or FILES).items():
        content = make()
        before = found_in(content + name.encode(), NEEDLES)
        sheet = describe(io.BytesIO(content), name=name, detect=False)
        out = io.BytesIO()
        report = redact(io.BytesIO(content), out, ORDER, name=name, sheet=sheet)
        form = {key: value for key, value in report.to_json().items() if key not in {"in", "in_sha256"}}
        written = out.getvalue()
        after = found_in(written, NEEDLES)
        after |= found_in(json.dumps([form, sheet.to_json()], ensure_ascii=False).encode(), NEEDLES)
        planted += len(before)
        survived += len(before & after)
        note = f"{len(written)} bytes written" + (
            f"; left: {', '.join(sorted(before & after))}" if after else ""
        )
        suffix = f"{Path(name).suffix} ({sheet.format})"
        made.append(Row(f"planted tokens left | {suffix}", len(before & after), len(before), 0.0, note))
    made.append(Row("planted tokens left | all files", survived, planted, 0.0))
    return made


def main() -> None:
    """Print the table."""
    show(rows())


if __name__ == "__main__":
    main()
