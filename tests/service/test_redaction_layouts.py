"""Folders laid out as nuScenes and KITTI: the same layout out, positions gone, everything else as it was."""

from __future__ import annotations

import json
import math
import shutil
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import carnet
from carnet.deidentify.drive_tables import without_places_in_oxts, without_places_in_table
from carnet.errors import InputError, UnreadableError

LOG = "n015-2018-07-24-11-22-45+0800"
PLACES = ["faces", "plates", "vin", "precise_location"]


def tables() -> dict[str, list[dict]]:
    """Two samples, ten metres apart, each with a lidar sweep and a picture, and a box beside the car."""
    rows: dict[str, list[dict]] = {"sample": [], "sample_data": [], "ego_pose": [], "sample_annotation": []}
    for number in range(2):
        here = [411.3 + 10 * number, 1180.9, 0.0]
        rows["sample"].append({"token": f"s{number}", "timestamp": 1532402927647951 + number * 500_000})
        for channel, ending, ahead in (("LIDAR_TOP", "pcd.bin", 0.0), ("CAM_FRONT", "jpg", 0.25)):
            token = f"{channel}{number}"
            name = f"samples/{channel}/{LOG}__{channel}__153240292764795{number}.{ending}"
            rows["sample_data"].append(
                {
                    "token": token,
                    "sample_token": f"s{number}",
                    "ego_pose_token": f"p{token}",
                    "is_key_frame": True,
                    "filename": name,
                }
            )
            place = [here[0] + ahead, here[1], here[2]]
            rows["ego_pose"].append({"token": f"p{token}", "rotation": [1, 0, 0, 0], "translation": place})
        box = [here[0] + 5, here[1] - 2, 1.0]
        rows["sample_annotation"].append(
            {"token": f"a{number}", "sample_token": f"s{number}", "translation": box}
        )
    log = {"token": "l", "logfile": LOG, "vehicle": "n015", "date_captured": "2018-07-24"}
    rows["log"] = [{**log, "location": "singapore-onenorth"}]
    rows["map"] = [{"token": "m", "log_tokens": ["l"], "filename": "maps/0.png"}]
    rows["scene"] = [{"token": "c", "name": "scene-0061", "description": "turn right"}]
    return rows


@pytest.fixture
def nuscenes(tmp_path, shared):
    root = tmp_path / "nuscenes"
    (root / "v1.0-mini").mkdir(parents=True)
    for name, rows in tables().items():
        (root / "v1.0-mini" / f"{name}.json").write_text(json.dumps(rows), "utf-8")
    picture = cv2.imread(str(shared / "data/images/faces/bald_guys.jpg"))[::2, ::2]
    for row in tables()["sample_data"]:
        path = root / row["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jpg":
            cv2.imwrite(str(path), picture)
        else:
            path.write_bytes(struct.pack("<5f", 1, 2, 3, 4, 5) * 100)
    (root / "maps").mkdir()
    cv2.imwrite(str(root / "maps" / "0.png"), picture)
    return root


def table(root, name: str) -> list[dict]:
    return json.loads((root / "v1.0-mini" / f"{name}.json").read_text("utf-8"))


def test_nuscenes_keeps_its_layout_and_loses_its_places(nuscenes, tmp_path):
    out = tmp_path / "out"
    done = carnet.redact(nuscenes, out, PLACES, setting="fast")
    assert sorted(one.name for one in out.iterdir()) == ["samples", "v1.0-mini"]
    assert dict(done.left_out) == {"maps/0.png": "a map says where the recording was made"}
    for row in table(out, "sample_data"):
        assert (out / row["filename"]).is_file()
        assert row["filename"].startswith("samples/")
    points = next(out.glob("samples/LIDAR_TOP/*"))
    assert points.read_bytes() == next(nuscenes.glob("samples/LIDAR_TOP/*")).read_bytes()
    picture = next(out.glob("samples/CAM_FRONT/*"))
    assert picture.read_bytes() != next(nuscenes.glob("samples/CAM_FRONT/*")).read_bytes()
    poses = {one["token"]: one["translation"] for one in table(out, "ego_pose")}
    assert poses == {
        "pLIDAR_TOP0": [0, 0, 0], "pCAM_FRONT0": [0.25, 0, 0],
        "pLIDAR_TOP1": [0, 0, 0], "pCAM_FRONT1": [0.25, 0, 0],
    }  # fmt: skip
    assert [one["translation"] for one in table(out, "sample_annotation")] == [[5, -2, 1]] * 2
    assert table(out, "sample") == table(nuscenes, "sample")
    assert table(out, "scene") == table(nuscenes, "scene")
    everything = b"".join(one.read_bytes() for one in out.rglob("*.json")) + done.manifest.read_bytes()
    everything += "".join(one.as_posix() for one in out.rglob("*")).encode()
    for told in (b"411.3", b"1180.9", b"n015", b"2018-07-24", b"onenorth"):
        assert told not in everything


def test_places_stay_where_they_are_not_ordered_away(nuscenes, tmp_path):
    carnet.redact(nuscenes, tmp_path / "out", ["faces"], setting="fast")
    for name in tables():
        assert table(tmp_path / "out", name) == table(nuscenes, name)
    assert (tmp_path / "out" / "maps" / "0.png").is_file()


def test_ranging_that_is_dropped_is_left_out(nuscenes, tmp_path):
    done = carnet.redact(nuscenes, tmp_path / "out", ["vin"], drop=["ranging.lidar"])
    assert not list((tmp_path / "out").glob("samples/LIDAR_TOP/*"))
    assert [why for _, why in done.left_out] == ["ranging is dropped as ordered"] * 2


def test_a_table_that_names_what_is_not_there_is_refused(nuscenes, tmp_path):
    shutil.copy(nuscenes / "v1.0-mini" / "sample.json", nuscenes / "v1.0-mini" / "ego_pose.json")
    with pytest.raises(InputError, match="not there"):
        carnet.redact(nuscenes, tmp_path / "out", PLACES, setting="fast", workers=1)
    assert not (tmp_path / "out").exists()


def test_kitti_keeps_its_layout_and_loses_its_places(tmp_path, shared):
    drive = tmp_path / "in" / "2011_09_26" / "2011_09_26_drive_0001_sync"
    for one in ("oxts/data", "image_02/data", "velodyne_points/data"):
        (drive / one).mkdir(parents=True)
    values = [49.015, 8.4343, 116.4, *(0.01 * one for one in range(22)), 4, 11, 6, 6, 6]
    packet = " ".join(map(str, values)) + "\n"
    (drive / "oxts/data/0000000000.txt").write_text(packet, "utf-8")
    (drive / "oxts/timestamps.txt").write_text("2011-09-26 13:02:25.594360375\n", "utf-8")
    picture = cv2.imread(str(shared / "data/images/faces/bald_guys.jpg"))[::2, ::2]
    cv2.imwrite(str(drive / "image_02/data/0000000000.png"), picture)
    points = np.ones(40, np.float32).tobytes()
    (drive / "velodyne_points/data/0000000000.bin").write_bytes(points)
    (drive.parent / "calib_imu_to_velo.txt").write_text("R: 9.9e-01 7.5e-04\nT: -8.0e-01\n", "utf-8")
    carnet.redact(tmp_path / "in", tmp_path / "out", PLACES, setting="fast")
    made = tmp_path / "out" / "day0001" / "day0001_drive_0001_sync"
    words = (made / "oxts/data/0000000000.txt").read_text("utf-8").split()
    assert words[:3] == ["nan"] * 3
    assert words[3:23] == packet.split()[3:23]
    assert (made / "oxts/timestamps.txt").read_text("utf-8") == "2011-09-26 13:02:25.594360375\n"
    assert (made / "velodyne_points/data/0000000000.bin").read_bytes() == points
    assert (made.parent / "calib_imu_to_velo.txt").read_text("utf-8").startswith("R: 9.9e-01")
    after = cv2.imread(str(made / "image_02/data/0000000000.png"))
    assert after.shape == picture.shape
    assert (after != picture).any()


def test_points_of_another_width_are_refused(nuscenes, tmp_path):
    path = next(nuscenes.glob("samples/LIDAR_TOP/*"))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="not as wide"):
        carnet.redact(nuscenes, tmp_path / "out", ["vin"], setting="fast", workers=1)


@given(st.binary(max_size=400))
def test_any_packet_is_without_places_or_refused(data):
    try:
        made = without_places_in_oxts(data).split()
    except UnreadableError:
        return
    assert [math.isnan(float(made[at])) for at in (0, 1, 2, 23)] == [True] * 4


@given(st.sampled_from(sorted(tables())), st.data())
def test_a_damaged_table_is_refused_or_has_no_place(name, data):
    rows = {key: json.dumps(value).encode() for key, value in tables().items()}
    content = bytearray(rows[name])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 6))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    try:
        made = without_places_in_table(name, bytes(content[:cut]), rows, {LOG: "log0001"})
    except UnreadableError:
        return
    assert isinstance(json.loads(made), list)
