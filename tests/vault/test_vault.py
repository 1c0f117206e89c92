"""Bytes at rest: what goes in comes out, and nothing else opens."""

from __future__ import annotations

import io
import random
import resource
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carnet.errors import KeyFileError, ResidencyError, StorageFullError, TamperedError, VaultError
from carnet.vault.keys import RegionKey, WrappedKey
from carnet.vault.residency import check_residency
from carnet.vault.segments import HEADER, SALT, SEGMENT, TAG
from carnet.vault.store import Vault


@pytest.fixture
def region(tmp_path):
    return RegionKey.create(tmp_path / "keys" / "region.key")


@pytest.fixture
def vault(tmp_path, region):
    return Vault(tmp_path / "vault", region)


@pytest.fixture
def key(region):
    vehicle = region.new_vehicle_key()
    return region.recording_key(vehicle, region.new_recording_key(vehicle))


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 3 * SEGMENT + 17])
def test_what_goes_in_comes_out_at_every_edge_of_a_segment(vault, key, size):
    data = content(size)
    written = vault.write(key, io.BytesIO(data).read, expected_bytes=size)
    assert written.bytes == size
    with vault.open(key, written.address, size) as file:
        assert file.read() == data
    vault.check_address(written.address)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_ranges_read_as_from_a_file(vault, key, data):
    blob = content(2 * SEGMENT + 1000)
    written = vault.write(key, io.BytesIO(blob).read)
    with vault.open(key, written.address, len(blob)) as file:
        for _ in range(8):
            start = data.draw(st.integers(0, len(blob) + 10))
            size = data.draw(st.integers(0, SEGMENT + 100))
            file.seek(start)
            assert file.read(size) == blob[start : start + size]


def test_sources_that_give_little_at_a_time_are_read_whole(vault, key):
    blob = content(SEGMENT + 5)
    source = io.BytesIO(blob)
    written = vault.write(key, lambda size: source.read(min(size, 70_001)))
    with vault.open(key, written.address, len(blob)) as file:
        assert file.read() == blob


def test_the_same_content_twice_shares_nothing(vault, key):
    one = vault.write(key, io.BytesIO(b"same").read)
    two = vault.write(key, io.BytesIO(b"same").read)
    assert one.address != two.address
    assert one.content == two.content


def stored(vault_folder, address):
    return vault_folder / address[:2] / address


@pytest.mark.parametrize(
    "place", [0, 20, len(HEADER), len(HEADER) + SALT, len(HEADER) + SALT + SEGMENT + TAG + 3, -1]
)
def test_a_changed_byte_anywhere_is_noticed(vault, key, tmp_path, place):
    blob = content(2 * SEGMENT)
    written = vault.write(key, io.BytesIO(blob).read)
    path = stored(tmp_path / "vault", written.address)
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)
    with pytest.raises(TamperedError):
        vault.check_address(written.address)
    with pytest.raises(TamperedError), vault.open(key, written.address, len(blob)) as file:
        file.read()


def test_segments_cannot_be_cut_off_swapped_or_opened_by_another_key(vault, key, region, tmp_path):
    blob = content(3 * SEGMENT)
    written = vault.write(key, io.BytesIO(blob).read)
    path = stored(tmp_path / "vault", written.address)
    raw = path.read_bytes()
    start, step = len(HEADER) + SALT, SEGMENT + TAG
    path.write_bytes(raw[: start + 2 * step])
    with pytest.raises(TamperedError):
        vault.open(key, written.address, len(blob))
    with pytest.raises(TamperedError), vault.open(key, written.address, 2 * SEGMENT) as file:
        file.read()
    path.write_bytes(
        raw[:start]
        + raw[start + step : start + 2 * step]
        + raw[start : start + step]
        + raw[start + 2 * step :]
    )
    with pytest.raises(TamperedError), vault.open(key, written.address, len(blob)) as file:
        file.read()
    path.write_bytes(raw)
    vehicle = region.new_vehicle_key()
    other = region.recording_key(vehicle, region.new_recording_key(vehicle))
    with pytest.raises(TamperedError), vault.open(other, written.address, len(blob)) as file:
        file.read()


def test_nothing_of_the_content_or_its_digest_lies_in_the_folder(vault, key, tmp_path):
    blob = b"LCARNET0000000001" * 5000
    written = vault.write(key, io.BytesIO(blob).read)
    for path in (tmp_path / "vault").rglob("*"):
        assert written.content.removeprefix("sha256:") not in path.name
        if path.is_file():
            assert b"LCARNET" not in path.read_bytes()


def test_a_source_that_breaks_leaves_nothing(vault, key, tmp_path):
    def read(size: int) -> bytes:
        if read.given > 2 * SEGMENT:
            raise OSError(5, "broken")
        read.given += size
        return b"x" * size

    read.given = 0
    with pytest.raises(VaultError):
        vault.write(key, read)
    assert [one for one in (tmp_path / "vault").rglob("*") if one.is_file()] == []


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path):
    """A child process whose files may not grow past 3 MiB: what a full disk does, without filling one."""
    script = f"""
import io, resource, signal, pathlib
from carnet.errors import StorageFullError
from carnet.vault.keys import RegionKey
from carnet.vault.store import Vault
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = pathlib.Path({str(tmp_path)!r})
region = RegionKey.create(folder / "keys" / "region.key")
vehicle = region.new_vehicle_key()
key = region.recording_key(vehicle, region.new_recording_key(vehicle))
vault = Vault(folder / "vault", region)
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
try:
    vault.write(key, io.BytesIO(bytes(8 << 20)).read)
except StorageFullError as error:
    print("full", "free space" in str(error))
print([one.name for one in (folder / "vault").rglob("*") if one.is_file()])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["full True", "[]"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_room_is_asked_for_before_the_first_byte(vault, key, tmp_path):
    with pytest.raises(StorageFullError, match="MiB"):
        vault.write(key, lambda _: pytest.fail("it was read"), expected_bytes=1 << 60)
    assert list((tmp_path / "vault").iterdir()) == []


def test_sweep_removes_what_no_entry_names_and_keeps_the_rest(vault, key, tmp_path):
    kept = vault.write(key, io.BytesIO(b"kept").read)
    vault.write(key, io.BytesIO(b"orphan").read)
    (tmp_path / "vault" / "abc.partial").write_bytes(b"half")
    assert vault.sweep([kept.address]) == 2
    assert vault.holds(kept.address)


def test_a_region_key_inside_the_node_or_open_to_others_is_refused(tmp_path):
    inside = tmp_path / "node" / "region.key"
    RegionKey.create(inside)
    with pytest.raises(KeyFileError, match="inside"):
        RegionKey.load(inside, node_folder=tmp_path / "node")
    outside = tmp_path / "keys" / "region.key"
    RegionKey.create(outside)
    RegionKey.load(outside, node_folder=tmp_path / "node")
    outside.chmod(0o644)
    with pytest.raises(KeyFileError, match="open to others"):
        RegionKey.load(outside, node_folder=tmp_path / "node")
    outside.chmod(0o600)
    for rubbish in (b"", b"{}", b'{"carnet_key":"v1","kind":"region","key":"AAAA"}', b"\x00\xff"):
        outside.write_bytes(rubbish)
        with pytest.raises(KeyFileError, match="no region key"):
            RegionKey.load(outside, node_folder=tmp_path / "node")


def test_wrapped_keys_open_with_their_own_region_alone(region, tmp_path):
    other = RegionKey.create(tmp_path / "other" / "region.key")
    vehicle = region.new_vehicle_key()
    wrapped = region.new_recording_key(vehicle)
    with pytest.raises(TamperedError):
        other.recording_key(vehicle, wrapped)
    with pytest.raises(TamperedError):
        region.recording_key(vehicle, WrappedKey(wrapped[:-1] + bytes([wrapped[-1] ^ 1])))


def test_sealed_texts_open_for_what_they_are(key):
    sealed = key.seal_text("drive_沪A.mcap", "name")
    assert key.open_text(sealed, "name") == "drive_沪A.mcap"
    for broken, what in ((sealed, "content"), (sealed[:-1], "name"), (b"", "name")):
        with pytest.raises(TamperedError):
            key.open_text(broken, what)


def test_vehicle_tokens_confirm_no_guess(region, tmp_path):
    other = RegionKey.create(tmp_path / "other" / "region.key")
    assert region.vehicle_token("V") == region.vehicle_token("V") != other.vehicle_token("V")


def test_residency_follows_from_where_it_was_recorded():
    check_residency("CN", "CN", [])
    check_residency("CN", "CN", ["CN"])
    with pytest.raises(ResidencyError, match="stated as recorded in DE"):
        check_residency("CN", "DE", [])
    with pytest.raises(ResidencyError, match="lies in DE"):
        check_residency("CN", "CN", ["CN", "DE"])


def test_object_files_are_readable_by_their_owner_alone(vault, key, tmp_path):
    written = vault.write(key, io.BytesIO(b"x").read)
    assert stored(tmp_path / "vault", written.address).stat().st_mode & 0o077 == 0


def test_a_keys_folder_that_a_link_puts_into_the_node_is_refused(tmp_path):
    inside = tmp_path / "node" / "keys"
    RegionKey.create(inside / "region.key")
    link = tmp_path / "keys"
    link.symlink_to(inside)
    with pytest.raises(KeyFileError, match="inside"):
        RegionKey.load(link / "region.key", node_folder=tmp_path / "node")
