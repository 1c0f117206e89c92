"""Run the commands of a page of the documentation: `python scripts/run_page.py [--write] PAGE…`.

A page is run in an empty folder that has this checkout's `samples`, `lawbook`, `tests` and `scripts` in it. A
block after `<!-- file: NAME -->` is written to that file; every `$ ` line of a `console` block is run, in one
shell for the whole page; the lines up to the next `$ ` are its output. What differs from run to run (digests,
ids, folders, ports, numbers marked so) is put out of sight on both sides. `--write` puts the real output into
the page.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_MARK = "@@carnet-page"
_FILE = re.compile(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", re.DOTALL)
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
_PORT = re.compile(r"\b74\d\d\b")
_VARYING = (
    (re.compile(r"sha256:[0-9a-f]{64}"), "sha256:…"),
    (re.compile(r"\b(rec|req|rel)-[a-z2-7]{26}\b"), r"\1-…"),
    (re.compile(r"ed25519:[A-Za-z0-9+/=_-]{40,}"), "ed25519:…"),
    (re.compile(r"fingerprint [0-9a-f: -]{16,}"), "fingerprint …"),
    (re.compile(r"sha256:[0-9a-f]{16}…"), "sha256:…"),
    (re.compile(r"\b[\d,]+ (bytes|entries|texts)\b"), r"… \1"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "… UTC"),
    (re.compile(r"official text on \d{4}-\d\d-\d\d"), "official text on …"),
)
_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Ran:
    """A command of a page, with what the page says it prints and what it printed."""

    command: str
    said: str
    printed: str


def _plain(text: str, folder: Path, ports: dict[str, str]) -> str:
    text = text.replace(str(folder), "/home/you")
    for shown, used in ports.items():
        text = text.replace(used, shown)
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def _commands(block: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line}", "")
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def _free_ports(names: set[str]) -> dict[str, str]:
    held, ports = [], {}
    for name in sorted(names):
        one = socket.socket()
        one.bind(("127.0.0.1", 0))
        held.append(one)
        ports[name] = str(one.getsockname()[1])
    for one in held:
        one.close()
    return ports


def run_page(page: Path) -> list[Ran]:
    """Run all commands of a page, from the top; gives each with its output."""
    text = page.read_text("utf-8")
    commands = [pair for block in _CONSOLE.findall(text) for pair in _commands(block)]
    ports = _free_ports({one for command, _ in commands for one in _PORT.findall(command)})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("samples", "lawbook", "tests", "scripts"):
            (folder / name).symlink_to(ROOT / name)
        ours = ['carnet() { "$CARNET_PYTHON" -m carnet "$@"; }', 'python() { "$CARNET_PYTHON" "$@"; }']
        script = [*ours, "exec 2>&1", "_leave() { return $_rc; }"]
        # Files are written where they stand in the page: a later block may replace an earlier one.
        pieces = sorted(
            [(m.start(), "file", m) for m in _FILE.finditer(text)]
            + [(m.start(), "console", m) for m in _CONSOLE.finditer(text)],
            key=lambda one: one[0],
        )
        number = 0
        for _, kind, match in pieces:
            if kind == "file":
                target = folder / f".page-{match.start()}"
                target.write_text(match[2], "utf-8")
                script += [f"mkdir -p $(dirname {match[1]})", f"cp {target} {match[1]}"]
                continue
            for command, _ in _commands(match[1]):
                real = _PORT.sub(lambda one: ports[one[0]], command)
                script += [f"_rc=$?; echo; echo '{_MARK} {number}'; _leave", real]
                number += 1
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("CARNET_") and key not in {"FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"}
        } | {"CARNET_PYTHON": sys.executable, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        shell = subprocess.Popen(
            ["bash", "-c", "\n".join(script)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            stdout, _ = shell.communicate(timeout=_SECONDS)
        finally:
            # A page may start nodes; none outlives it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
        printed = re.split(rf"\n?{_MARK} \d+\n", stdout)[1:]
        return [
            Ran(command, _plain(said, folder, ports), _plain(out, folder, ports))
            for (command, said), out in zip(commands, printed, strict=True)
        ]


def written(page: Path, ran: list[Ran]) -> str:
    """Give the page's text with the real outputs in it."""
    rest = iter(ran)

    def block(match: re.Match[str]) -> str:
        lines = []
        for command, _ in _commands(match[1]):
            one = next(rest)
            lines += [f"$ {command}"] + ([one.printed] if one.printed else [])
        return "```console\n" + "\n".join(lines) + "\n```"

    return _CONSOLE.sub(block, page.read_text("utf-8"))


def main() -> int:
    """Run pages, and compare or write."""
    bad = 0
    for name in [one for one in sys.argv[1:] if one != "--write"]:
        page = Path(name)
        ran = run_page(page)
        if "--write" in sys.argv:
            page.write_text(written(page, ran), "utf-8")
            continue
        for one in ran:
            if one.said != one.printed:
                bad += 1
                print(f"{name}: $ {one.command}\nsaid:\n{one.said}\nprinted:\n{one.printed}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
