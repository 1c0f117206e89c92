"""Signed lists of sensitive places: from the officer's pen to the fact sheet, the node and the movement."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import UNDERTAKING, Stage

from carnet.errors import EXIT_INPUT, InputError, RefusedError
from carnet.evidence.signing import Signer, seal_envelope
from carnet.evidence.statements import Kind, Subject, statement, statement_bytes
from carnet.model.place_list import place_list_of
from carnet.service.declarations import declaration
from carnet.service.place_lists import PlaceLists
from carnet.service.place_signing import open_list, sign_list
from carnet.transfer.assemble import contents_of

DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def form(**changes):
    made = {
        "sensitive_places": "v1",
        "id": "sf",
        "author": "wang",
        "region": "US",
        "datum": "WGS-84",
        "covers": "region",
        "complete_for": ["military", "defence_industry", "party_government"],
        "from": "2026-01-01",
        "until": "2026-12-31",
        "places": [
            {
                "id": "p-1",
                "kind": "military",
                "corners": [[37.7235, -122.48], [37.7245, -122.48], [37.7245, -122.46], [37.7235, -122.46]],
                "source": "a test",
            }
        ],
    }
    return yaml.safe_dump(made | changes)


@pytest.fixture(scope="module")
def officer():
    return Signer.generate()


def signed(officer, text=None):
    return sign_list(text or form(), "list.yaml", "wang", officer, NOW)


def test_what_was_signed_is_opened(officer):
    text = json.dumps(signed(officer).to_json())
    made, inner = open_list(text, "list", [Signer.generate().public, officer.public], DAY)
    assert made == place_list_of(inner, "list")
    assert made.id == "sf"


def changed(text):
    envelope = json.loads(text)
    payload = base64.b64decode(envelope["payload"]).replace(b"37.7235", b"38.7235")
    envelope["payload"] = base64.b64encode(payload).decode()
    return json.dumps(envelope)


@pytest.mark.parametrize(
    ("make", "day", "says"),
    [
        (lambda _: form(), DAY, "not signed"),
        (lambda text: yaml.safe_dump(json.loads(text)), DAY, "not signed"),
        (changed, DAY, "changed after it was signed"),
        (lambda text: text, date(2027, 1, 1), "ended on 2026-12-31"),
        (lambda text: text, date(2025, 12, 31), "begins on 2026-01-01"),
        (lambda text: text[:-30], DAY, "not signed"),
    ],
)
def test_what_cannot_be_believed_is_refused(officer, make, day, says):
    text = json.dumps(signed(officer).to_json())
    with pytest.raises(InputError, match=says) as refused:
        open_list(make(text), "a.signed", [officer.public], day)
    assert "a.signed" in refused.value.where
    assert refused.value.remedy
    assert "37.7" not in str(refused.value)


def test_another_key_is_not_believed(officer):
    text = json.dumps(signed(officer).to_json())
    with pytest.raises(InputError, match="not trusted here"):
        open_list(text, "a.signed", [Signer.generate().public], DAY)


def test_nobody_signs_for_another_nor_what_has_ended(officer):
    with pytest.raises(InputError, match="another author"):
        sign_list(form(author="li"), "list.yaml", "wang", officer, NOW)
    with pytest.raises(InputError, match="ended on"):
        sign_list(form(until="2026-11-21"), "list.yaml", "wang", officer, NOW)


def test_another_statement_of_the_officer_is_no_list(officer):
    said = statement(Kind.DECLARED, [Subject("x", "0" * 64)], {"list": {}}, actor="wang", at=NOW)
    text = json.dumps(seal_envelope(statement_bytes(said), officer).to_json())
    with pytest.raises(InputError, match="no list of sensitive places"):
        open_list(text, "a.signed", [officer.public], DAY)


# On the command line ----------------------------------------------------------------------------------------


def run(*words):
    from carnet.service.cli import main

    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in words])
        raise SystemExit(0)
    return ended.value.code or 0


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A list that holds today, its officer's key, and the list as she signed it."""
    monkeypatch.setenv("CARNET_PASSPHRASE", "")
    monkeypatch.delenv("CARNET_OFFICER_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    today = datetime.now(UTC).date()
    text = form(**{"from": "2026-01-01", "until": (today + timedelta(days=30)).isoformat()})
    Path("list.yaml").write_text(text)
    key = Signer.generate()
    key.save(Path("wang.key"))
    assert (
        run("places", "sign", "list.yaml", "--person", "wang", "--key", "wang.key", "--output", "a.signed")
        == 0
    )
    return key.public.to_text()


def test_a_scan_with_a_signed_list(desk, capsys, shared):
    drive = shared / "data" / "recordings" / "comma2k19_rav4_first40s.mcap"
    capsys.readouterr()
    assert run("scan", drive, "--places", "a.signed", "--officer-key", desk, "--json") == 0
    out = capsys.readouterr().out
    streams = {one["name"]: one["facts"] for one in json.loads(out)["items"][0]["streams"]}
    assert streams["/gnss/fix"]["places_touched"] == ["sf/p-1"]
    assert streams["/camera/front/image/compressed"]["sensitive_places"] is True
    assert "37.72" not in out
    assert (
        run(
            "scan", drive, "--places", "a.signed", "--officer-key", desk, "--html", "a.html", "--region", "CN"
        )
        == 0
    )
    assert "sensitive places: sf/p-1" in capsys.readouterr().out
    page = Path("a.html").read_text()
    assert "sf/p-1" in page
    assert "37.72" not in page


def test_small_files_are_held_against_it_too(desk, capsys):
    for name, latitude in (("a.csv", 37.7238), ("b.csv", 37.8238)):
        rows = "".join(f"{latitude:.6f},{-122.479 + at * 1e-4:.6f}\n" for at in range(60))
        Path(name).write_text("latitude,longitude\n" + rows)
    capsys.readouterr()
    assert run("scan", "a.csv", "b.csv", "--places", "a.signed", "--officer-key", desk, "--json") == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [one["streams"][0]["facts"]["sensitive_places"] for one in items] == [True, False]


def test_a_key_without_a_list_is_refused_on_the_command_line_alone(desk, capsys, monkeypatch):
    Path("a.csv").write_text("a\n1\n")
    assert run("scan", "a.csv", "--officer-key", desk) == 2
    assert "--officer-key: a key is given and no list" in capsys.readouterr().err
    monkeypatch.setenv("CARNET_OFFICER_KEY", desk)
    assert run("scan", "a.csv") == 0


def test_a_scan_refuses_a_list_that_nobody_signed(desk, capsys):
    Path("a.csv").write_text("a\n1\n")
    envelope = Path("a.signed").read_text()
    Path("changed.signed").write_text(changed(envelope))
    for words, says in (
        (["--places", "list.yaml", "--officer-key", desk], "list.yaml: the list is not signed"),
        (["--places", "changed.signed", "--officer-key", desk], "changed.signed: the list was changed"),
        (["--places", "a.signed"], "--officer-key"),
        (["--places", "a.signed", "--officer-key", Signer.generate().public.to_text()], "not trusted"),
        (["--places", "a.signed", "--places", "a.signed", "--officer-key", desk], "two lists"),
        (["--places", "none.signed", "--officer-key", desk], "none.signed: it cannot be opened"),
    ):
        assert run("scan", "a.csv", *words) == EXIT_INPUT
        told = capsys.readouterr().err
        assert says in told
        assert "what to do" in told
    assert run("scan", "s3://bucket/x", "--places", "a.signed", "--officer-key", desk) == EXIT_INPUT


@pytest.mark.usefixtures("desk")
def test_check_tells_the_place_of_an_error(capsys):
    Path("bad.yaml").write_text(form().replace("kind: military", "kind: airport"))
    assert run("places", "check", "bad.yaml") == EXIT_INPUT
    assert "places[0].kind" in capsys.readouterr().err
    assert (
        run("places", "sign", "list.yaml", "--person", "wang", "--key", "wang.key", "--output", "a.signed")
        == 2
    )


# In a node --------------------------------------------------------------------------------------------------

CHINA = {
    "region": "CN",
    "places": [
        {
            "id": "p-9",
            "kind": "defence_industry",
            "corners": [[34.0003, 108.9]],
            "radius_m": 60,
            "source": "a test",
        }
    ],
}


def drive_of(latitude):
    rows = "".join(f"{latitude:.6f},{108.895 + at * 1e-4:.6f}\n" for at in range(120))
    return ("latitude,longitude\n" + rows).encode()


@pytest.fixture(scope="module")
def play(tmp_path_factory):
    pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: the node is left out")
    stage = Stage(tmp_path_factory.mktemp("node") / "stage")
    desk = stage.desk()
    stage.declare(desk, "lawbook", {"digest": desk.node.lawbook.digest})
    yield stage, desk
    desk.node.close()


def adopt(stage, desk, **changes):
    until = desk.node.clock().date() + timedelta(days=20)
    text = form(**{**CHINA, "until": until.isoformat(), **changes})
    envelope = sign_list(text, "list.yaml", "wang", stage.people["wang"], desk.node.clock())
    kept = PlaceLists(desk.node).keep(envelope.to_json(), desk.node.person("wang"))
    said = declaration("places", {"list": kept.id, "digest": kept.digest}, until=kept.until)
    signed_form = stage.sign("wang", Kind.DECLARED, Subject("declaration", "0" * 64), said, desk)
    desk.declarations.keep(signed_form, desk.node.person("wang"))
    return kept


def known(desk, recording):
    declared = desk.declarations.declared(desk.movements.today(), recording)
    sheets = desk.recordings.sheets(recording)
    contents = contents_of("CN", sheets, None, declared, day=desk.movements.today())
    (content,) = [one for one in contents if one["data"] == "location.trajectory"]
    facts = content.get("facts", {})
    return facts.get("sensitive_places"), facts.get("military_area")


def test_a_node_uses_the_list_that_its_officer_adopted(play):
    stage, desk = play
    on = stage.ingest(desk, {"a.csv": drive_of(34.0)})
    off = stage.ingest(desk, {"b.csv": drive_of(34.2)})
    for one in (on, off):
        desk.recordings.describe(one, "li")
        assert known(desk, one) == (None, None)
    kept = adopt(stage, desk)
    assert known(desk, off) == (None, None), "described before the list was adopted"
    for one in (on, off):
        desk.recordings.describe(one, "li")
    assert known(desk, on) == (True, False)
    assert known(desk, off) == (False, False)
    _, decision = desk.movements.decide(on, UNDERTAKING)
    track = next(one for one in decision.contents if one.name == "location_trajectory")
    assert "important" in {word for found in track.determinations.values() for word in found}
    # A newer list of the same name takes the older's place: `none` was said under another.
    adopt(stage, desk, seen_within_m=200)
    assert known(desk, off) == (None, None)
    assert known(desk, on)[0] is True
    desk.recordings.describe(off, "li")
    assert known(desk, off) == (False, False)
    clock = desk.node.clock
    try:
        desk.node.clock = lambda: clock() + timedelta(days=20)
        assert known(desk, off) == (False, False), "the last day"
        desk.node.clock = lambda: clock() + timedelta(days=21)
        assert known(desk, off) == (None, None), "the day after it"
    finally:
        desk.node.clock = clock
    # Secret: neither the folder nor what a dossier takes along tells where it is.
    told = desk.declarations.envelopes(desk.movements.today(), len(desk.node.catalog.entries()))
    payloads = [base64.b64decode(one["payload"]).decode() for one in told]
    assert any(kept.digest in one for one in payloads)
    assert not any("34.0003" in one for one in payloads)
    for path in desk.node.folder.rglob("*"):
        if path.is_file():
            assert b"34.0003" not in path.read_bytes()


def test_only_an_officer_hands_a_list_in_and_only_of_the_region(play):
    stage, desk = play
    lists, now = PlaceLists(desk.node), desk.node.clock()
    china = form(**CHINA, until=(now.date() + timedelta(days=2)).isoformat())
    good = sign_list(china, "l", "wang", stage.people["wang"], now).to_json()
    with pytest.raises(RefusedError, match="only an officer"):
        lists.keep(good, desk.node.person("li"))
    with pytest.raises(InputError, match="not signed"):
        lists.keep({"payload": 1}, desk.node.person("wang"))
    other = sign_list(china, "l", "wang", Signer.generate(), now).to_json()
    with pytest.raises(InputError, match="not trusted"):
        lists.keep(other, desk.node.person("wang"))
    abroad = sign_list(form(), "l", "wang", stage.people["wang"], datetime(2026, 6, 1, tzinfo=UTC)).to_json()
    with pytest.raises(InputError):
        lists.keep(abroad, desk.node.person("wang"))


def test_a_declaration_of_a_list_that_is_not_here_is_refused(play):
    stage, desk = play
    with pytest.raises(InputError, match="is not here"):
        stage.declare(desk, "places", {"list": "sf", "digest": f"sha256:{'0' * 64}"})


def test_an_officer_adopts_over_the_wire(tmp_path, monkeypatch, capsys):
    pytest.importorskip("httpx", reason="the extra 'node' is not installed: the wire is left out")
    monkeypatch.setenv("CARNET_PASSPHRASE", "")
    monkeypatch.chdir(tmp_path)
    stage = Stage(tmp_path / "stage")
    desk = stage.desk()
    recording = stage.ingest(desk, {"a.csv": drive_of(34.0)})
    desk.recordings.describe(recording, "li")
    desk.node.close()
    for name in ("wang", "li"):
        stage.people[name].save(Path(f"{name}.key"))
    until = (datetime.now(UTC).date() + timedelta(days=9)).isoformat()
    Path("list.yaml").write_text(form(**CHINA, until=until))
    asked = ("--person", "wang", "--key", "wang.key")
    assert run("places", "sign", "list.yaml", *asked, "--output", "a.signed") == 0
    node = stage.receiver("shanghai")
    try:
        place = ("--node", stage.folder / "shanghai")
        assert run("places", "adopt", "list.yaml", *place, *asked) == EXIT_INPUT
        assert "not signed" in capsys.readouterr().err
        assert run("places", "adopt", "a.signed", *place, *asked) == 0
        assert "adopted: sf" in capsys.readouterr().out
        assert run("inventory", "--again", *place, "--person", "li", "--key", "li.key") == 0
    finally:
        node.terminate()
        node.wait(timeout=30)
    desk = stage.desk()
    try:
        assert known(desk, recording) == (True, False)
    finally:
        desk.node.close()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_changed_byte_opens_as_another_list(officer, data):
    text = json.dumps(signed(officer).to_json()).encode()
    at = data.draw(st.integers(0, len(text) - 1))
    other = text[:at] + bytes([data.draw(st.integers(32, 126))]) + text[at + 1 :]
    whole, _ = open_list(text.decode(), "l", [officer.public], DAY)
    try:
        made, _ = open_list(other.decode(), "l", [officer.public], DAY)
    except InputError:
        return
    # White space between the parts of the envelope is not signed: then it is the same list.
    assert made == whole
