"""A worker computes and talks through its pipe; everything else is refused, by the kernel where it can."""

from __future__ import annotations

import io
import socket

import pytest

from carnet.errors import UnreadableError, WorkerError
from carnet.service.isolation import Limits
from carnet.service.workers import run_worker


@pytest.fixture
def listener():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


@pytest.fixture
def probe(listener, tmp_path):
    secret = tmp_path / "region.key"
    secret.write_text("not for workers")
    parameters = {"port": listener.getsockname()[1], "file": str(secret)}

    def run(size=3 << 20, **more):
        return run_worker("probe", io.BytesIO(bytes(size)), parameters | more, sink=lambda _: None)

    return run


def test_it_reads_the_whole_recording_and_gives_bytes_and_a_result():
    out: list[bytes] = []
    seen: list[tuple[int, int]] = []
    outcome = run_worker(
        "probe",
        io.BytesIO(bytes(5_000_001)),
        {"port": 1, "file": "/none"},
        sink=out.append,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert outcome.result["read"] == 5_000_001
    assert b"".join(out) == b"out"
    assert seen == [(1, 1)]


def test_it_cannot_connect_neither_from_python_nor_from_native_code(probe):
    outcome = probe()
    assert outcome.result["connect"] == "PermissionError"
    if not outcome.isolation["empty_network"]:
        pytest.skip("this kernel gives no network namespace: only the hook in Python holds")
    assert outcome.result["native_connect"] == "ENETUNREACH"
    assert outcome.result["interfaces"] == []


def test_it_can_neither_read_nor_write_files_nor_start_processes(probe, tmp_path):
    outcome = probe()
    assert outcome.result["start_process"] == "PermissionError"
    if not outcome.isolation["restricted_files"]:
        pytest.skip("this kernel has no Landlock: files of the same account can be read")
    assert outcome.result["read_file"] == "PermissionError"
    assert outcome.result["write_file"] == "PermissionError"
    assert [one.name for one in tmp_path.iterdir()] == ["region.key"]


def test_its_memory_and_time_are_limited():
    with pytest.raises(WorkerError, match="memory"):
        run_worker(
            "probe",
            io.BytesIO(b""),
            {"port": 1, "file": "/none", "hog": 2 << 30},
            limits=Limits(memory_bytes=1 << 30),
        )
    with pytest.raises(WorkerError, match="ended"):
        run_worker("probe", io.BytesIO(b""), {"port": 1, "file": "/none", "sleep": 60}, seconds=1.0)


def test_a_worker_that_dies_is_an_error_and_not_a_result(probe):
    with pytest.raises(WorkerError, match="ended with status"):
        probe(crash=True)


def test_it_has_nothing_of_our_environment(monkeypatch, probe):
    monkeypatch.setenv("CARNET_PASSPHRASE", "secret")
    assert "CARNET_PASSPHRASE" not in probe().result["environment"]


def test_errors_of_a_task_come_back_as_they_were():
    with pytest.raises((UnreadableError, WorkerError)):
        run_worker(
            "redact", io.BytesIO(b"rubbish"), {"name": "x", "sheet": {}, "order": {"remove": ["faces"]}}
        )


def test_a_task_outside_the_closed_list_is_none():
    with pytest.raises(WorkerError):
        run_worker("eval", io.BytesIO(b""), {})


def test_a_want_of_memory_is_told_from_a_library_that_is_missing():
    import importlib

    from carnet.errors import MissingExtraError, is_out_of_memory, missing_extra

    with pytest.raises(ImportError) as caught:
        importlib.import_module("a_library_that_nobody_has")
    missing = missing_extra(caught.value, "reading this needs it", remedy="install it")
    assert isinstance(missing, MissingExtraError)
    assert (missing.what, missing.remedy) == ("reading this needs it", "install it")

    # As NumPy tells it: the loader's own words stand one error further down.
    short = ImportError("the C extensions failed")
    short.__cause__ = ImportError("libx.so: failed to map segment from shared object")
    assert is_out_of_memory(short)
    with pytest.raises(MemoryError):
        missing_extra(short, "reading this needs it", remedy="install it")
    assert not is_out_of_memory(RuntimeError("a damaged file"))
