"""Make `samples/shanghai_drive/` from permissively licensed recordings; the output is committed.

Run it from a checkout that has the real data beside it: `python scripts/make_sample.py ../shared/data`; a second
word names another folder than `samples/` to write to.
The same inputs and library versions give the same bytes. `samples/README.md` says what is real, what is
shifted and what is invented; `samples/truth.json` holds what was planted, frame by frame.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import simplejpeg
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from sample_scene import PLATES, REAL_PLATES, Thing, compose, things

OUT = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent.parent / "samples"  # noqa: PLR2004 -- the second word
DRIVE = OUT / "shanghai_drive"
START = 1_785_204_000_000_000_000  # 2026-07-28T02:00:00Z, ten in the morning in Shanghai
# Where the shifted track begins: flat country west of Shanghai. The shape is the source's, the roads are not.
PLACE = (31.1204, 121.1981, 4.2)
VIDEO_FPS = 25
CLIP = range(110, 170)  # source frames of the clip: 2.4 s, as recorded
STILLS = 40  # frames in the MCAP, one a second over 40 s; the source video of 8.8 s is stretched over them
CAMERA, GNSS, IMU, CAN = "/camera/front/image/compressed", "/gnss/fix", "/imu/data_raw", "/vehicle/can0"
# Keep every n-th message of a topic, and of a CAN id; a CAN id that is not named here stays out.
KEEP_TOPIC = {
    GNSS: 1,
    IMU: 2,
    "/vehicle/speed_mps": 2,
    "/vehicle/steering_wheel_angle_deg": 2,
}
KEEP_CAN = {36: 5, 37: 5, 170: 5, 180: 5, 452: 5, 467: 5, 608: 5, 951: 1, 1408: 1, 1409: 1, 1410: 1, 1568: 2}
IDENTITY, UDS_ASK, UDS_ANSWER = 1872, 2016, 2024
# Faces of the photograph whose surroundings hold a second face are left out (their order in its manifest).
LEFT_OUT = {"face_group1927_1.jpg": {4, 9}, "face_group1927_2.jpg": set()}

DBC_TAIL = """BO_ 1872 VEHICLE_IDENTITY: 8 CGW
 SG_ VIN_INDEX M : 7|8@0+ (1,0) [0|2] "" XXX
 SG_ VIN_CHARS_01_07 m0 : 15|56@0+ (1,0) [0|0] "" XXX
 SG_ VIN_CHARS_08_14 m1 : 15|56@0+ (1,0) [0|0] "" XXX
 SG_ VIN_CHARS_15_17 m2 : 15|24@0+ (1,0) [0|0] "" XXX

BO_ 2016 UDS_REQUEST: 8 XXX
 SG_ UDS_REQUEST_BYTES : 7|64@0+ (1,0) [0|0] "" CGW

BO_ 2024 UDS_RESPONSE: 8 CGW
 SG_ UDS_RESPONSE_BYTES : 7|64@0+ (1,0) [0|0] "" XXX

CM_ BO_ 1872 "Written for this sample: vehicle identification number, seven characters at a time, ASCII";
CM_ BO_ 2016 "Written for this sample: diagnostic requests, ISO 14229 over ISO 15765-2";
CM_ BO_ 2024 "Written for this sample: diagnostic answers, ISO 14229 over ISO 15765-2";
"""


def invented_vin() -> str:
    """Give a number that is no vehicle's: maker code L00 is not assigned, the serial is 000000.

    The ninth place is the check digit of ISO 3779 as GB 16735 demands it.
    """
    values = {**{str(d): d for d in range(10)}, **dict(zip("ABCDEFGH", range(1, 9), strict=True))}
    values |= {"J": 1, "K": 2, "L": 3, "M": 4, "N": 5, "P": 7, "R": 9}
    values |= dict(zip("STUVWXYZ", range(2, 10), strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    text = "L00CARNE0T0000000"
    rest = sum(values[sign] * weight for sign, weight in zip(text, weights, strict=True)) % 11
    return text[:8] + "0123456789X"[rest] + text[9:]


VIN = invented_vin()
MCAP_NAME = f"drive_{VIN}.mcap"


def subset_dbc(source: Path) -> str:
    """Take the messages that the sample keeps out of the Toyota database and add our own."""
    text = source.read_text(encoding="cp1252")
    head = text[: text.index("\nBO_ ")]
    blocks = re.findall(r"^BO_ (\d+) .*(?:\n SG_ .*)*", text, flags=re.MULTILINE)
    kept = [
        match.group(0)
        for match in re.finditer(r"^BO_ (\d+) .*(?:\n SG_ .*)*", text, flags=re.MULTILINE)
        if int(match.group(1)) in KEEP_CAN
    ]
    if len(kept) != len(set(KEEP_CAN) & {int(one) for one in blocks}):
        raise SystemExit("the database does not hold each message once")
    notes = [
        line
        for line in text.splitlines()
        if (match := re.match(r"(?:CM_ (?:SG_|BO_)|VAL_) (\d+) .*;$", line))
        and int(match.group(1)) in KEEP_CAN
    ]
    tail, comments = DBC_TAIL.split("CM_", 1)
    return "\n".join([head.rstrip(), "", *(f"{one}\n" for one in kept), tail + "CM_" + comments, *notes, ""])


def source_frames(video: Path) -> list[Any]:
    """Decode the source video: BGR pictures of 960 x 540."""
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def photographs(folder: Path) -> list[tuple[Any, list[tuple[int, int, int, int]]]]:
    """Read the 1927 photograph's two halves and the boxes of the faces that are used."""
    manifest = {one["file"]: one for one in json.loads((folder / "manifest.json").read_text())}
    result = []
    for name, out in LEFT_OUT.items():
        if "public domain" not in manifest[name]["licence"]:
            raise SystemExit(f"{name} is not marked as public domain")
        boxes = [
            (box["x"], box["y"], box["w"], box["h"])
            for number, box in enumerate(manifest[name]["boxes"])
            if number not in out
        ]
        result.append((cv2.imread(str(folder / name)), boxes))
    return result


class Shift:
    """Moves the track: metres east and north of its start stay; start, height and time are new."""

    def __init__(self, latitude: float, longitude: float, altitude: float, time_ns: int) -> None:
        self.source = (latitude, longitude, altitude)
        self.delta_ns = START - time_ns
        self.stretch = math.cos(math.radians(latitude)) / math.cos(math.radians(PLACE[0]))

    def place(self, latitude: float, longitude: float, altitude: float) -> tuple[float, float, float]:
        """Give the shifted place of a source place, in degrees and metres."""
        return (
            round(PLACE[0] + latitude - self.source[0], 8),
            round(PLACE[1] + (longitude - self.source[1]) * self.stretch, 8),
            round(PLACE[2] + altitude - self.source[2], 3),
        )


def vin_frames(time_ns: int) -> list[tuple[int, int, bytes]]:
    """Give the CAN frames of our own messages: (time in ns, id, payload)."""
    text = VIN.encode()
    parts = [(IDENTITY, bytes([n]) + text[7 * n : 7 * n + 7].ljust(7, b"\0")) for n in range(3)]
    answer = bytes([0x62, 0xF1, 0x90]) + text
    frames = [(UDS_ASK, bytes([3, 0x22, 0xF1, 0x90, 0, 0, 0, 0]))]
    frames.append((UDS_ANSWER, bytes([0x10, len(answer)]) + answer[:6]))
    frames.append((UDS_ASK, bytes([0x30, 0, 10, 0, 0, 0, 0, 0])))
    for number, at in enumerate(range(6, len(answer), 7), start=1):
        frames.append((UDS_ANSWER, bytes([0x20 + number]) + answer[at : at + 7].ljust(7, b"\0")))
    return [(time_ns + n * 10_000_000, can_id, data) for n, (can_id, data) in enumerate(parts + frames)]


def shift_messages(
    source: Path,
) -> tuple[list[tuple[int, str, bytes]], dict[str, tuple[str, str]], dict[str, Any]]:
    """Read the real drive, thin it, move it, and put the invented number where the real one was."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    schemas: dict[str, tuple[str, str]] = {}
    out: list[tuple[int, str, bytes]] = []
    seen: Counter[Any] = Counter()
    track: list[tuple[float, float]] = []
    with source.open("rb") as file:
        reader = make_reader(file)
        rows = list(reader.iter_messages())
    first = next(row for row in rows if row[1].topic == GNSS)
    for schema, channel, _ in rows:
        if channel.topic not in schemas:
            schemas[channel.topic] = (schema.name, schema.data.decode())
            store.register(get_types_from_msg(schema.data.decode(), schema.name))
    fix = store.deserialize_cdr(first[2].data, first[0].name)
    shift = Shift(fix.latitude, fix.longitude, fix.altitude, rows[0][2].log_time)
    text = VIN.encode()
    spread = {1408: text[:8], 1409: text[8:16], 1410: text[16:17] + bytes(7)}
    template = None
    for schema, channel, message in rows:
        topic = channel.topic
        if topic not in KEEP_TOPIC and topic != CAN:
            continue
        value = store.deserialize_cdr(message.data, schema.name)
        key: Any = (topic, value.id) if topic == CAN else topic
        every = KEEP_CAN.get(value.id, 0) if topic == CAN else KEEP_TOPIC[topic]
        seen[key] += 1
        if every == 0 or (seen[key] - 1) % every:
            continue
        time_ns = message.log_time + shift.delta_ns
        if hasattr(value, "header"):
            stamp = value.header.stamp.sec * 10**9 + value.header.stamp.nanosec + shift.delta_ns
            value.header.stamp.sec, value.header.stamp.nanosec = divmod(stamp, 10**9)
        if topic == CAN:
            template = value
            if value.id in spread:
                value.data = np.frombuffer(spread[value.id], np.uint8)
        if topic == GNSS:
            value.latitude, value.longitude, value.altitude = shift.place(
                value.latitude, value.longitude, value.altitude
            )
            track.append((value.latitude, value.longitude))
        out.append((time_ns, topic, bytes(store.serialize_cdr(value, schema.name))))
    if template is None:
        raise SystemExit("the source holds no CAN frames")
    for second in (1, 11, 21, 31):
        for time_ns, can_id, data in vin_frames(START + second * 10**9):
            template.id, template.dlc = can_id, 8
            template.data = np.frombuffer(data, np.uint8)
            template.header.stamp.sec, template.header.stamp.nanosec = divmod(time_ns, 10**9)
            out.append((time_ns, CAN, bytes(store.serialize_cdr(template, "can_msgs/msg/Frame"))))
    return out, schemas, {"track": track, "store": store}


def still_messages(
    frames: list[Any], world: list[Thing], store: Any
) -> tuple[list[tuple[int, str, bytes]], list[dict[str, Any]]]:
    """Make the camera messages of the MCAP and their truth."""
    kinds = store.types
    out, truth = [], []
    for index in range(STILLS):
        number = round(index * (len(frames) - 1) / (STILLS - 1))
        frame = frames[number].copy()
        boxes = compose(frame, number, world)
        time_ns = START + 40_000_000 + index * 500_000_000
        jpeg = simplejpeg.encode_jpeg(frame, quality=88, colorspace="BGR", colorsubsampling="420")
        sec, nanosec = divmod(time_ns, 10**9)
        value = kinds["sensor_msgs/msg/CompressedImage"](
            header=kinds["std_msgs/msg/Header"](
                stamp=kinds["builtin_interfaces/msg/Time"](sec=sec, nanosec=nanosec), frame_id="camera_front"
            ),
            format="jpeg",
            data=np.frombuffer(jpeg, np.uint8),
        )
        data = bytes(store.serialize_cdr(value, "sensor_msgs/msg/CompressedImage"))
        out.append((time_ns, CAMERA, data))
        truth.append({"index": index, "log_time_ns": time_ns, "source_frame": number, "boxes": boxes})
    return out, truth


def write_mcap(messages: list[tuple[int, str, bytes]], schemas: dict[str, tuple[str, str]]) -> None:
    """Write the recording: ROS 2, CDR, zstd, with a metadata record and an attachment that name the car."""
    with (DRIVE / MCAP_NAME).open("wb") as file:
        writer = Writer(file, chunk_size=512 * 1024, compression=CompressionType.ZSTD)
        writer.start(profile="ros2", library="carnet make_sample.py")
        channels: dict[str, int] = {}
        numbers: dict[str, int] = {}
        sequence: Counter[str] = Counter()
        for time_ns, topic, data in sorted(messages, key=lambda one: (one[0], one[1])):
            if topic not in channels:
                name, text = schemas[topic]
                if name not in numbers:
                    numbers[name] = writer.register_schema(name=name, encoding="ros2msg", data=text.encode())
                channels[topic] = writer.register_channel(
                    topic=topic, message_encoding="cdr", schema_id=numbers[name]
                )
            writer.add_message(
                channel_id=channels[topic],
                log_time=time_ns,
                publish_time=time_ns,
                data=data,
                sequence=sequence[topic],
            )
            sequence[topic] += 1
        writer.add_metadata("vehicle", {"vin": VIN, "fleet": "sample fleet Shanghai"})
        notes = f"Drive notes of {VIN}. Questions: driver@fleet.example\n"
        writer.add_attachment(START, START, "drive_notes.txt", "text/plain", notes.encode())
        writer.finish()


def write_clip(frames: list[Any], world: list[Thing]) -> list[dict[str, Any]]:
    """Write the H.264 clip, with a location atom as telephones and dashcams leave it."""
    truth = []
    with av.open(
        str(DRIVE / "front_camera.mp4"), "w", options={"movflags": "+use_metadata_tags"}
    ) as container:
        container.metadata.update(
            {"location": f"+{PLACE[0]:08.4f}{PLACE[1]:+09.4f}/", "comment": f"front camera {VIN}"}
        )
        stream = container.add_stream("libx264", rate=VIDEO_FPS)
        stream.width, stream.height, stream.pix_fmt = 960, 540, "yuv420p"
        stream.time_base = Fraction(1, 12800)
        stream.options = {"crf": "21", "preset": "medium", "threads": "1", "g": "50"}
        for index, number in enumerate(CLIP):
            picture = frames[number].copy()
            boxes = compose(picture, number, world)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = index * 512, Fraction(1, 12800)
            container.mux(stream.encode(frame))
            truth.append(
                {"index": index, "time_s": index / VIDEO_FPS, "source_frame": number, "boxes": boxes}
            )
        container.mux(stream.encode())
    return truth


def metres(track: list[tuple[float, float]]) -> float:
    """Give the length of a track by the haversine formula on a sphere of 6,371,008.8 m."""
    total = 0.0
    for (a, b), (c, d) in itertools.pairwise(track):
        p, q, r = math.radians(a), math.radians(c), math.radians(d - b)
        h = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin(r / 2) ** 2
        total += 2 * 6_371_008.8 * math.asin(math.sqrt(h))
    return total


def main() -> None:
    """Make every file of the sample and its truth."""
    data = Path(sys.argv[1])
    DRIVE.mkdir(parents=True, exist_ok=True)
    recording = data / "recordings" / "comma2k19_rav4_first40s.mcap"
    video = data / "video" / "dashcam_lanelines_white_right.mp4"
    dbc = data / "can" / "dbc" / "toyota_2017.dbc"
    manifest = json.loads((data / "manifest.json").read_text())
    entries = manifest["files"] if isinstance(manifest, dict) else manifest
    allowed = {one["path"] for one in entries if one["licence_class"] == "permissive"}
    for path in (recording, video, dbc):
        if path.relative_to(data).as_posix() not in allowed:
            raise SystemExit(f"{path.name} is not marked as permissive")
    (DRIVE / "vehicle.dbc").write_text(subset_dbc(dbc), encoding="cp1252", newline="\n")
    frames = source_frames(video)
    world = things(photographs(data / "deid-eval"))
    messages, schemas, more = shift_messages(recording)
    stills, still_truth = still_messages(frames, world, more["store"])
    write_mcap(messages + stills, schemas)
    clip_truth = write_clip(frames, world)
    counts = Counter(topic for _, topic, _ in messages + stills)
    times = [one[0] for one in messages + stills]
    files = sorted(path for path in DRIVE.iterdir() if path.is_file())
    truth = {
        "truth": "v1",
        "about": "Planted by scripts/make_sample.py; boxes are [x, y, w, h] in pixels from the top left.",
        "files": {
            path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for path in files
        },
        "vin": {
            "value": VIN,
            "fictional": True,
            "places": {
                MCAP_NAME: [
                    "file name",
                    "metadata record vehicle",
                    "attachment drive_notes.txt",
                    f"{CAN} ids 1408, 1409, 1410: one ASCII character a byte",
                    f"{CAN} id 1872: multiplexed ASCII",
                    f"{CAN} id 2024: ISO-TP answer to ReadDataByIdentifier F190",
                ],
                "front_camera.mp4": ["container comment"],
            },
        },
        "plates": PLATES,
        "real_plates_masked": [[mark[0] for mark in (marks[0], marks[-1])] for marks in REAL_PLATES],
        "track": {
            "topic": GNSS,
            "points": len(more["track"]),
            "km": round(metres(more["track"]) / 1000, 4),
            "country": "CN",
            "start": more["track"][0],
            "end": more["track"][-1],
        },
        "messages": {"counts": dict(sorted(counts.items())), "start_ns": min(times), "end_ns": max(times)},
        "streams": {
            MCAP_NAME: {CAMERA: {"width": 960, "height": 540, "frames": still_truth}},
            "front_camera.mp4": {
                "video": {"width": 960, "height": 540, "fps": VIDEO_FPS, "frames": clip_truth}
            },
        },
    }
    text = json.dumps(truth, indent=None, separators=(", ", ": "), ensure_ascii=False)
    (OUT / "truth.json").write_text(text.replace('{"index"', '\n{"index"') + "\n", encoding="utf-8")
    for path in files:
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
