"""The main job as a story: two nodes, one drive, one movement from request to verified dossier.

Every sentence is written from what the nodes answered: with another drive, other names, regions or keys other
sentences come out. The story follows the law, also where it leads elsewhere than one would like.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from carnet.errors import CarnetError
from carnet.model.ids import RecordingId, RequestId
from carnet.service.cli.ingest import files_of
from carnet.service.client import Client
from carnet.service.declarations import declaration
from carnet.service.dossiers import check_dossier
from carnet.service.node import Node, now_utc
from carnet.service.recordings import Recordings
from carnet.service.story import Story, opened
from carnet.service.workers import run_worker
from carnet.transfer.pairing import read_card

_RECEIPT_S = 180.0


def tell_drive(story: Story) -> None:
    """Tell the whole story."""
    c, s = story.cast, story.script
    story.heading(
        f"Two nodes, {c.sender} ({c.sender_region}) and {c.receiver} ({c.receiver_region}), sharing nothing"
    )
    story.make()
    with story.running():
        _tell_running(story)
    story.heading("What lies where")
    story.tell(f"everything is under {story.folder}: two nodes, their keys beside them, cards, the dossier")
    del s


def _tell_running(story: Story) -> None:
    c, s = story.cast, story.script
    with story.as_person(c.engineer) as engineer, story.as_person(c.officer) as officer:
        story.heading(f"{c.engineer} ingests {s.recording.name} into {c.sender}")
        files = files_of([s.recording])
        raw = engineer.ingest(files, c.sender_region)["recording"]
        total = sum(one.stat().st_size for one in files)
        story.tell(
            f"{raw}: {len(files)} files, {total:,} bytes, hashed, sealed under a key of their own, in the ledger"
        )

        story.heading("Workers without network, keys or files say what it is, in law")
        held = run_worker("probe", io.BytesIO(b""), {"port": 1, "file": os.devnull}, sink=len).isolation
        measures = ", ".join(
            f"{name.replace('_', ' ')}: {'yes' if holds else 'NO'}" for name, holds in held.items()
        )
        story.tell(f"what this kernel takes from a worker: {measures}")
        for sheet in engineer.call("POST", f"/v1/recordings/{raw}/describe")["sheets"]:
            _tell_sheet(story, sheet)

        story.heading("May it go as it is? The movement is written from the catalog; the law is asked")
        officer.declare(declaration("lawbook", {"digest": officer.call("GET", "/v1/node")["lawbook"]}))
        story.tell(f"{c.officer} has adopted the lawbook that ships with carnet, by a signed statement")
        _declare(story, officer, s.known)
        silent = story.decision(engineer, raw, "raw")["x-not_modelled"]

        story.heading("Faces, plates and VIN are taken out, in the recordings' own formats")
        masked = _redact(story, engineer, raw, {"remove": ["faces", "plates", "vin"]})
        if s.truth is not None:
            _judge_by_truth(story, officer, masked)
        story.decision(engineer, masked["recording"], "masked, with its track")

        story.heading(
            f"{c.officer} declares, with her own signature, what only she can know; then: what is the least?"
        )
        _declare(story, officer, s.declarations)
        _tell_plan(story, engineer.call("POST", "/v1/plan", story.undertaking(raw)))
        if silent:
            story.tell(
                f"for the law of {', '.join(silent)}, which this lawbook does not hold, no option speaks"
            )

        ends = ", and the ends of the drive are cut off" if s.trim_s else ""
        story.heading(f"What the plan names is done: every stream that bears a position is taken out{ends}")
        order = {
            "remove": ["precise_location", "trip_ends", "names"],
            "drop": list(s.drop),
            "trim_head_s": s.trim_s,
            "trim_tail_s": s.trim_s,
        }
        clean = _redact(story, engineer, masked["recording"], order)["recording"]
        decision = story.decision(engineer, clean, "masked, without any position stream")
        if decision["verdict"] == "permitted":
            _confirm(story, officer, decision)
        _tell_movement(story, engineer, raw, clean)


def _confirm(story: Story, officer: Client, decision: Mapping[str, Any]) -> None:
    """Let the officer confirm what the law presumes, and record evidence for what is owed before."""
    for one in decision["assumed"]:
        officer.declare(declaration("presumption", {"fact": one["fact"], "value": one["value"]}))
        story.tell(
            f"{story.cast.officer} confirms what the law presumes: {one['fact']} = {json.dumps(one['value'])}"
        )
    for entry in decision["jurisdictions"]:
        for duty in entry["duties"]:
            if duty["when"] == "before":
                officer.declare(
                    declaration("duty", {"duty": duty["id"], "evidence": "invented for the demonstration"})
                )
                story.tell(f"{story.cast.officer} records evidence for: {duty['what']} ({duty['cite']})")


def _tell_sheet(story: Story, sheet: Mapping[str, Any]) -> None:
    if sheet["state"] == "blocked":
        story.tell(f"{sheet['format'] or 'a file'}: kept, and blocked for export: {sheet['reason']}")
        return
    for stream in sheet["streams"]:
        facts = {k: v for k, v in stream["facts"].items() if k not in {"start_ns", "end_ns"}}
        numbers = ", ".join(f"{k} {_plain(v)}" for k, v in facts.items())
        story.tell(
            f"{sheet['format']} {stream['name']}: {', '.join(stream['data'])}"
            + (f" ({numbers})" if numbers else "")
        )
    for one in sheet["outside"]:
        story.tell(f"{sheet['format']}, outside the payload ({one['where']}): {one['data']}")


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _redact(story: Story, client: Client, recording: str, order: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = client.call("POST", f"/v1/recordings/{recording}/redact", order)
    derivation = made["derivation"]
    for report in derivation["reports"]:
        if not (report["frames"] or report["vin_places"] or report["dropped"]):
            continue
        masked = ", ".join(f"{n} {label}s" for label, n in sorted(report["masked"].items())) or "nothing"
        gone = ", ".join(report["removed_streams"])
        story.tell(
            f"{report['frames']} frames, {masked} masked, VIN suppressed in {report['vin_places']} places"
            + (f"; streams taken out: {gone}" if gone else "")
            + (f"; {sum(report['dropped'].values()):,} messages left out" if report["dropped"] else "")
        )
    for one in derivation["left_out"]:
        story.tell(f"a file is left out: {one['reason']}")
    for check in derivation["checks"]:
        if not check["frames"]:
            continue
        tools = ", ".join(tool["name"] for tool in check["tools"])
        story.tell(
            f"looked at again with other detectors ({tools}): largest face left {check['faces_px_max']} px, "
            f"largest plate left {check['plates_px_max']} px in {check['frames']} frames"
        )
    return made


def _judge_by_truth(story: Story, officer: Client, masked: Mapping[str, Any]) -> None:
    """Hold the result against what was planted, and let the officer look at what the check still finds."""
    from carnet.service.judged import Judged, judge_files

    if story.script.truth is None:
        return
    truth = json.loads(story.script.truth.read_bytes())["streams"]
    with opened(story.folder / story.cast.sender) as node:
        judged: Judged = judge_files(Recordings(node), masked, files_of([story.script.recording]), truth)
    for line in judged.lines:
        story.tell(line)
    if judged.found and not judged.real:
        left = {"faces_px_max": 0, "plates_px_max": 0}
        body = {"recording": masked["recording"], "looked_at": judged.found, "left": left}
        officer.declare(declaration("review", body))
        story.tell(
            f"{story.cast.officer} looks at the {judged.found} places that the other detectors still point at, with "
            "the truth file beside her: none is a face or a plate. She signs that"
        )
    elif judged.real:
        story.tell(
            f"{judged.real} of {judged.found} places still show a planted face or plate: nobody signs that away"
        )


def _tell_plan(story: Story, plan: Mapping[str, Any]) -> None:
    if not plan["options"]:
        story.tell("there is no way but to leave everything where it is")
    for n, option in enumerate(plan["options"], start=1):
        owed = option["owed"]
        needs = (
            [*owed["prerequisites"], " or ".join(owed["routes"])] if owed["routes"] else owed["prerequisites"]
        )
        parts: dict[str, list[str]] = {}
        for one in option["remove"]:
            parts.setdefault(one["part"], []).append(one["data"])
        lost = [f"take {part} out of {', '.join(classes)}" for part, classes in parts.items()]
        lost += [f"leave out {', '.join(option['leave_out'])}"] if option["leave_out"] else []
        lost += [
            f"coarsen {one['fact']} of {one['data']} to {one['value']}"
            if "fact" in one
            else f"make {one['to']} of {one['data']}"
            for one in option["x-coarser"]
        ]
        text = "; ".join(lost) or "take nothing out"
        story.tell(f"option {n}: {text}", "->")
        after = f", and needs {' and then '.join(needs)}" if needs else ""
        asked = ", ".join(dict.fromkeys(one["fact"].rpartition(".")[2] for one in owed["declare"]))
        story.tell(
            f"then it is {option['verdict']}{after}" + (f"; still to be said: {asked}" if asked else ""), "=>"
        )


def _declare(story: Story, officer: Client, declarations: tuple[Mapping[str, Any], ...]) -> None:
    until = now_utc().date() + timedelta(days=365)
    for one in declarations:
        officer.declare(declaration(str(one["kind"]), dict(one["body"]), until=until))
        story.tell(f"{story.cast.officer} declares: {_declared_words(one)}")


def _declared_words(one: Mapping[str, Any]) -> str:
    body = one["body"]
    if one["kind"] == "safeguard":
        safeguard = body["safeguard"]
        return f"{safeguard['kind']} of {safeguard.get('authority')}, until {safeguard.get('until')}"
    facts = ", ".join(f"{k} = {json.dumps(v)}" for k, v in body.get("facts", {}).items())
    persons = f"persons = {body['persons']}" if "persons" in body else ""
    data = body.get("data", "the movement")
    return f"{', '.join(data) if isinstance(data, list) else data}: " + ", ".join(
        one for one in (facts, persons) if one
    )


def _tell_movement(story: Story, engineer: Client, raw: str, clean: str) -> None:
    c = story.cast
    story.heading("Three refusals")
    first = engineer.call("POST", "/v1/requests", story.undertaking(raw))["request"]
    story.tell(f"the raw drive, put to {c.approver}: " + _refusal(lambda: _approve(story, first)))
    shown = engineer.call("POST", "/v1/requests", story.undertaking(clean))
    request = RequestId(shown["request"])
    story.tell(
        "release before anybody approved: "
        + _refusal(lambda: engineer.call("POST", f"/v1/requests/{request}/release"))
    )
    story.tell(
        f"{c.engineer} approves what {c.engineer} asked for: "
        + _refusal(lambda: engineer.approve(request, shown))
    )
    story.tell(f"{c.engineer}'s process opens {c.approver}'s key: " + _try_key(story))

    silent = shown["decision"]["x-not_modelled"]
    if shown["decision"]["verdict"] != "permitted" or silent:
        unheard = f", and the law of {', '.join(silent)} is not in the lawbook" if silent else ""
        story.heading(f"The law says {shown['decision']['verdict']}{unheard}: nothing leaves {c.sender}")
        story.tell(f"put to {c.approver} all the same: " + _approve(story, request))
        story.tell("release: " + _refusal(lambda: engineer.call("POST", f"/v1/requests/{request}/release")))
        story.tell(
            "what would be needed stands above, under the decision and the plan; there is no dossier", "=>"
        )
        return
    story.heading(f"{c.approver} approves in a process of her own; the gate lets it go")
    story.tell(_approve(story, request))
    engineer.call("POST", f"/v1/requests/{request}/release")
    shown = _wait_for_receipt(engineer, request)
    story.tell(
        f"request {request} is {shown['state']}: intent in the ledger first, then sealed segments by the "
        "courier, then the receiver's signed receipt"
    )
    with opened(story.folder / c.receiver) as node:
        _tell_received(story, node)

    story.heading("The dossier, checked offline")
    path = story.folder / "movement.dossier"
    path.write_bytes(engineer.raw(f"/v1/requests/{request}/dossier"))
    cards = [
        read_card(json.loads((story.folder / f"{name}.card.json").read_bytes())).signing_key
        for name in (c.sender, c.receiver)
    ]
    data = path.read_bytes()
    for result in check_dossier(data, node=cards[0], receiver=cards[1]):
        story.tell(f"{result.number:>2} {'ok' if result.passed else 'FAILED'} {result.name}: {result.says}")
    place = secrets.randbelow(len(data))
    changed = bytearray(data)
    changed[place] ^= 1
    failed = [
        one for one in check_dossier(bytes(changed), node=cards[0], receiver=cards[1]) if not one.passed
    ]
    story.tell(
        f"one bit of byte {place:,} flipped: step {failed[0].number} ({failed[0].name}) fails: "
        + failed[0].says
    )
    story.tell(f"the dossier is {path} ({len(data):,} bytes)", "=>")


def _refusal(attempt: Any) -> str:
    try:
        answer = attempt()
    except CarnetError as error:
        return f"REFUSED: {error.what}"
    return answer if isinstance(answer, str) else "NOT refused"


def _run_as(
    story: Story, who: str, passphrase: str, arguments: list[str]
) -> subprocess.CompletedProcess[str]:
    """Run a command as a person: a process of its own, which alone is given the passphrase."""
    environment = os.environ | {
        "CARNET_PASSPHRASE": passphrase,
        "CARNET_NODE": str(story.folder / story.cast.sender),
        "CARNET_PERSON": who,
        "CARNET_KEY": str(story.key_of(who)),
    }
    return subprocess.run(
        [sys.executable, "-m", "carnet", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _approve(story: Story, request: str) -> str:
    who = story.cast.approver
    run = _run_as(story, who, story.passphrases[who], ["movement", "approve", request])
    if run.returncode == 0:
        return run.stdout.strip().replace("\n", "; ")
    return "REFUSED: " + run.stderr.partition("\n")[0].partition(" ")[2]


def _try_key(story: Story) -> str:
    """Let the requester's process try the approver's key with the only passphrase it knows."""
    c = story.cast
    run = _run_as(story, c.approver, story.passphrases[c.engineer], ["movement", "show"])
    return "REFUSED: " + run.stderr.partition("\n")[0].partition(" ")[2] if run.returncode else "NOT refused"


def _wait_for_receipt(client: Client, request: RequestId) -> dict[str, Any]:
    until = time.monotonic() + _RECEIPT_S
    while True:
        shown: dict[str, Any] = client.call("GET", f"/v1/requests/{request}")
        if shown["state"] != "releasing" or shown["refused"] or time.monotonic() > until:
            return shown
        time.sleep(0.1)


def _tell_received(story: Story, node: Node) -> None:
    recordings = Recordings(node)
    for recording in recordings.all():
        names = recordings.names(RecordingId(recording.id))
        for one, name in zip(recording.objects, names, strict=True):
            path = story.folder / "received" / name
            path.parent.mkdir(exist_ok=True)
            with recordings.open(recording.id, one) as source, path.open("wb") as file:
                while piece := source.read(1 << 20):
                    file.write(piece)
            story.tell(
                f"{node.config.name} has {name}: {one.bytes:,} bytes, opened from its vault into {path.parent}"
            )
