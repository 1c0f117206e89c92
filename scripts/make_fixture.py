"""Make the fixture of a release's node: `python scripts/make_fixture.py`, once for each release.

A node with a recording of CAN speeds, redacted, approved and released to a second node; kept with its keys,
both cards and the dossier in `tests/fixtures/node-VERSION/`. Every later release has to open it
(`tests/service/test_fixture.py`), so a fixture that is committed is never made again.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "service"))

README = """\
# The node of carnet {version}

Made once by `python scripts/make_fixture.py`; `tests/service/test_fixture.py` holds every later release to it.

- `shanghai/`, `shanghai.keys/`: a node (region CN) with a recording and what was redacted from it, and its keys.
  **These keys are test keys**: made for this folder, known to everybody, good for nothing else.
- `shanghai.card.json`, `frankfurt.card.json`: the cards of both nodes.
- `movement.dossier`: the dossier of the release to frankfurt.
- `expected.json`: what must be found in it.

The recording holds made-up speeds, about nobody. Git keeps no modes, and `node.json` names the keys' folder from
its root: the test copies all of it, sets both right and then opens the node.
"""


def make_fixture(target: Path) -> None:
    """Run a release between two nodes in a temporary folder, and keep what a later release must open."""
    from stage import Stage, deliver

    from carnet import __version__
    from carnet.service.dossiers import export_dossier

    with tempfile.TemporaryDirectory() as scratch:
        stage = Stage(Path(scratch))
        desk = stage.desk()
        receiver = stage.receiver()
        try:
            recording = stage.described(desk)
            request = stage.approved(desk, recording)
            desk.movements.release(request, desk.node.person("li"))
            deliver(desk, stage.courier(desk))
            dossier = export_dossier(desk.node, desk.movements, desk.declarations, request)
            cards = {name: stage.desk(name).node for name in ("shanghai", "frankfurt")}
            (stage.folder / "movement.dossier").write_bytes(dossier)
            for name, node in cards.items():
                text = json.dumps(node.card.to_json(node.signer), indent=1) + "\n"
                (stage.folder / f"{name}.card.json").write_text(text, "utf-8")
                node.close()
            expected = {
                "version": __version__,
                "request": request,
                "ledger_entries": desk.node.catalog.verify(),
                "recordings": [
                    {
                        "id": one.id,
                        "derived_from": one.derived_from,
                        "files": {
                            name: {"bytes": stored.bytes, "content": stored.content}
                            for name, stored in zip(desk.recordings.names(one.id), one.objects, strict=True)
                        },
                        "sheets": [sheet.format for sheet in desk.recordings.sheets(one.id)],
                    }
                    for one in desk.recordings.all()
                ],
            }
        finally:
            receiver.terminate()
            receiver.wait()
            desk.node.close()
        target.mkdir(parents=True)
        for name in ("shanghai", "shanghai.keys"):
            shutil.copytree(stage.folder / name, target / name)
        for path in (*stage.folder.glob("*.card.json"), stage.folder / "movement.dossier"):
            shutil.copy(path, target)
        config = json.loads((target / "shanghai" / "node.json").read_bytes())
        config["keys"] = "/nowhere/shanghai.keys"
        (target / "shanghai" / "node.json").write_text(json.dumps(config, indent=1), "utf-8")
        courier = target / "shanghai.keys" / "courier" / "courier.json"
        courier.unlink()  # names folders of this machine; a node writes it anew when it starts
        (target / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", "utf-8")
        (target / "README.md").write_text(README.format(version=__version__), "utf-8")


if __name__ == "__main__":
    from carnet import __version__

    place = ROOT / "tests" / "fixtures" / f"node-{__version__}"
    if place.exists():
        sys.exit(f"{place.relative_to(ROOT)} is there: a release's fixture is never made again")
    make_fixture(place)
    print(f"made {place.relative_to(ROOT)}")
