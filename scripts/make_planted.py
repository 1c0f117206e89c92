"""Make the faces that `carnet certify` plants, or check the committed ones.

    python scripts/make_planted.py PICTURES            # compare with what is committed
    python scripts/make_planted.py PICTURES --write    # write src/carnet/deidentify/planted/ anew

PICTURES is a folder that holds the two halves of the 1927 photograph and `manifest.json` with the boxes of its faces
(the photograph is in the public domain, and everyone in it is long dead). The faces are cut out with a margin,
brought to one height and laid side by side, without colour.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "src" / "carnet" / "deidentify" / "planted"
FACE_PX, MARGIN, QUALITY = 112, 0.45, 92
# Faces whose margin holds a second face (their order in the manifest).
LEFT_OUT = {"face_group1927_1.jpg": {4, 9}, "face_group1927_2.jpg": set()}
SOURCE = (
    "group photograph of the Solvay conference 1927, Benjamin Couprie, "
    "as shipped in the Python package scrfd 0.3.0"
)
LICENCE = "photograph: public domain; package: Apache-2.0"


def cut(folder: Path) -> list[Any]:
    """Cut each face with its margin and bring the face itself to one height: pictures H x W, 8 bits."""
    manifest = {
        one["file"]: one for one in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    }
    out = []
    for name, without in LEFT_OUT.items():
        if "public domain" not in manifest[name]["licence"]:
            raise SystemExit(f"{name} is not marked as public domain")
        picture = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        for number, box in enumerate(manifest[name]["boxes"]):
            if number in without:
                continue
            across, down = box["w"] * (1 + 2 * MARGIN), box["h"] * (1 + 2 * MARGIN)
            left, top = round(box["x"] - MARGIN * box["w"]), round(box["y"] - MARGIN * box["h"])
            piece = picture[max(0, top) : round(top + down), max(0, left) : round(left + across)]
            if min(left, top) < 0 or piece.shape != (round(top + down) - top, round(left + across) - left):
                continue
            factor = FACE_PX / box["h"]
            out.append(
                cv2.resize(
                    piece,
                    (round(across * factor), round(FACE_PX * (1 + 2 * MARGIN))),
                    interpolation=cv2.INTER_AREA,
                )
            )
    return out


def main() -> int:
    """Make the sheet of faces and what is said about it; write or compare."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("pictures", type=Path)
    arguments.add_argument("--write", action="store_true", help="write the files")
    asked = arguments.parse_args()
    faces = cut(asked.pictures)
    sheet = np.hstack(faces)
    coded = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    about = {
        "file": "faces.jpg",
        "sha256": hashlib.sha256(coded).hexdigest(),
        "source": SOURCE,
        "licence": LICENCE,
        "made_by": "scripts/make_planted.py",
        "face_px": FACE_PX,
        "margin": MARGIN,
        "widths": [one.shape[1] for one in faces],
    }
    text = json.dumps(about, indent=1) + "\n"
    if asked.write:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "faces.jpg").write_bytes(coded)
        (FOLDER / "faces.json").write_text(text, encoding="utf-8")
    same = (FOLDER / "faces.jpg").read_bytes() == coded and (FOLDER / "faces.json").read_text() == text
    print(f"{len(faces)} faces, {len(coded)} bytes: {'as committed' if same else 'not what is committed'}")
    return not same


if __name__ == "__main__":
    raise SystemExit(main())
