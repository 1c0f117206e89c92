"""Write the pages of `docs/reference/` that are made from the code: `python scripts/make_reference.py`.

With `--check` nothing is written, and the exit code says whether the pages are what they would be. Pages hold
what the commands print at a width of 100 columns, with the versions of `requirements/lock.txt`.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import sys
from pathlib import Path

WIDTH = 100
for _name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "CLICOLOR_FORCE"):
    os.environ.pop(_name, None)  # the help is plain text, whatever the terminal
os.environ |= {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "<!-- Made by scripts/make_reference.py from the code: change the code, then run it. -->\n"

COMMANDS_HEAD = f"""{MADE}
# Commands

What a script may rely on: with `--json`, one JSON document on standard output and nothing else there; messages
on standard error; and these exit codes.

| exit | meaning |
|---|---|
| 0 | done; for `decide`: permitted |
| 1 | an error of ours |
| 2 | wrong use, or unreadable input: the message says what, where and what to do |
| 3, 4, 5 | `decide`: conditional, prohibited, undecided |
| 6 | a check failed |
| 7 | refused by policy |

`CARNET_NODE`, `CARNET_PERSON` and `CARNET_KEY` stand for `--node`, `--person` and `--key`; the passphrase of a
key comes from `CARNET_PASSPHRASE`, or is asked for on a terminal. `CARNET_CACHE` is the folder in which lawbooks
that were read are kept ready (`~/.cache/carnet`); empty keeps none.
"""
ERRORS_HEAD = f"""{MADE}
# Errors

An error message begins with its code, says where and what, and what to do. A code keeps its meaning. What the
law forbids is no error but a decision.

| code | name | meaning | exit |
|---|---|---|---|
"""


def help_text(words: tuple[str, ...]) -> str:
    """Give what `carnet WORDS --help` prints, without the spaces at the ends of lines."""
    import typer.main

    from carnet.service import cli

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if not words:
            with contextlib.suppress(SystemExit):
                cli.main(["--help"])
        else:
            module = importlib.import_module(f"carnet.service.cli.{words[0]}")
            command = typer.main.get_command(module.app)
            command.main(args=[*words[1:], "--help"], prog_name=f"carnet {words[0]}", standalone_mode=False)
    return "\n".join(line.rstrip() for line in printed.getvalue().strip("\n ").splitlines())


def subcommands(name: str) -> list[str]:
    """Give the names of a command's own commands, in their order; none for a plain command."""
    import typer.main

    module = importlib.import_module(f"carnet.service.cli.{name}")
    return list(getattr(typer.main.get_command(module.app), "commands", {}))


def commands_page() -> str:
    """Give the page of all commands."""
    from carnet.service.cli import COMMANDS

    parts = [COMMANDS_HEAD, _shown(())]
    for name in COMMANDS:
        parts += [f"## carnet {name}\n", _shown((name,))]
        for one in subcommands(name):
            parts += [f"### carnet {name} {one}\n", _shown((name, one))]
    return "\n".join(parts)


def _shown(words: tuple[str, ...]) -> str:
    return f"```text\n$ {' '.join(('carnet', *words, '--help'))}\n{help_text(words)}\n```\n"


def errors_page() -> str:
    """Give the page of all errors."""
    from carnet import errors

    rows = []
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.CarnetError):
            meaning = " ".join((kind.__doc__ or "").split())
            rows.append((kind.code, name, meaning, kind.exit_code))
    return ERRORS_HEAD + "".join(
        f"| {code} | `{name}` | {meaning} | {exit_code} |\n"
        for code, name, meaning, exit_code in sorted(rows)
    )


PAGES = {"commands.md": commands_page, "errors.md": errors_page}


def main() -> int:
    """Write the pages, or check them."""
    check, stale = "--check" in sys.argv[1:], []
    for name, page in PAGES.items():
        path, text = REFERENCE / name, page()
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, "utf-8")
    for name in stale:
        print(f"docs/reference/{name} {'is not what the code says: make reference' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
