"""What a worker may do: compute, and talk through the one pipe it was given.

Called in the worker before it reads the first byte of a recording. Each measure is tried and its outcome
reported, because kernels differ: a node says in its log which ones hold, and `docs/security.md` says what is
lost where one does not.

* an empty network namespace (`unshare(2)`): no interface but a loopback that is down;
* Landlock (Linux 5.13): files can be read only where Python and libraries lie, and none can be written, so a
  hostile recording that takes a worker over finds no key file;
* limits on memory, processor time, open files and file size; no core dumps, no new privileges;
* an audit hook that refuses to open connections or start processes from Python code.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_SYS_LANDLOCK_CREATE, _SYS_LANDLOCK_ADD, _SYS_LANDLOCK_RESTRICT = (
    444,
    445,
    446,
)  # the same on every architecture
_LANDLOCK_VERSION_1 = (1 << 13) - 1  # every right that version 1 knows: execute, write, read, make, remove
_LANDLOCK_READ = 0b1101  # execute, read a file, list a folder
_LANDLOCK_RULE_PATH = 1

_FORBIDDEN_EVENTS = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "subprocess.Popen", "os.system", "os.exec", "os.fork",
     "os.posix_spawn", "os.spawn"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """A worker's budget."""

    memory_bytes: int = 6 << 30
    processor_s: int = 3600
    open_files: int = 128


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def empty_network() -> bool:
    """Move into a network namespace without interfaces; False where the kernel does not let us."""
    libc = _libc()
    if libc.unshare(CLONE_NEWNET) == 0:
        return True
    return bool(libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)


def restrict_files(readable: Iterable[Path]) -> bool:
    """Let only these places be read and nothing be written (Landlock); False where the kernel has none."""
    libc = _libc()
    attributes = struct.pack("=Q", _LANDLOCK_VERSION_1)
    ruleset = libc.syscall(_SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        for place in readable:
            try:
                handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            rights = _LANDLOCK_READ if place.is_dir() else _LANDLOCK_READ & 0b0101
            rule = struct.pack("=Qi", rights, handle)
            libc.syscall(_SYS_LANDLOCK_ADD, ruleset, _LANDLOCK_RULE_PATH, rule, 0)
            os.close(handle)
        return bool(libc.syscall(_SYS_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def refuse_connections(*, allow_processes: bool = False) -> None:
    """Refuse, for the rest of this process's life, to open connections from Python code (PEP 578).

    The node's own process calls it too: it listens, and never calls out. With `allow_processes` it may still
    start workers and the courier.
    """
    refused = {"socket.connect", "socket.sendto"} if allow_processes else _FORBIDDEN_EVENTS

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        del arguments
        if event in refused:
            raise PermissionError(f"this process may not do that: {event}")

    sys.addaudithook(hook)


def hide_memory() -> None:
    """Keep other processes of the same account from reading this one's memory, and dumps from being made."""
    libc = _libc()
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _python_places() -> list[Path]:
    package = Path(__file__).resolve().parents[2]
    places = [package, Path(sys.prefix), Path(sys.base_prefix)]
    places += [Path(one) for one in sys.path if one and Path(one).is_dir()]
    places += [
        Path(one)
        for one in ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/sys", "/dev/null", "/dev/urandom")
    ]
    places += [Path(one) for one in ("/proc/cpuinfo", "/proc/meminfo", "/proc/self", "/proc/stat")]
    return places


def isolate(limits: Limits) -> dict[str, bool]:
    """Take away everything a worker does not need; gives which measures hold."""
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    hide_memory()
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.processor_s, limits.processor_s))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    network = empty_network()
    files = restrict_files(_python_places())
    refuse_connections()
    return {"empty_network": network, "restricted_files": files}
