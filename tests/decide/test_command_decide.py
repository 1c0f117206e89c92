"""`carnet decide`, `carnet plan` and `carnet law` from the command line: exit codes and forms."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest

from carnet.service.cli import main

CLEAN = {
    "movement": "v1",
    "title": "Stock figures",
    "date": "2026-06-01",
    "origin": "CN",
    "destination": "DE",
    "exporter": {"established_in": "CN", "critical_infrastructure": False},
    "recipient": {"established_in": "DE", "relation": "affiliate"},
    "activity": "manufacturing",
    "safeguards": [],
    "contents": [{"name": "stock", "data": "production.output", "persons": 0}],
}


def with_content(**content):
    return {**CLEAN, "contents": [{"name": "stock", "persons": 0, **content}]}


@pytest.fixture
def run(capsys, tmp_path):
    def call(*words, document=None):
        path = tmp_path / "movement.json"
        if document is not None:
            path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        with pytest.raises(SystemExit) as caught:
            main([word if word != "MOVEMENT" else str(path) for word in words])
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return call


@pytest.mark.parametrize(
    ("document", "code", "says"),
    [
        (CLEAN, 0, "PERMITTED"),
        (with_content(data="energy.network"), 3, "CONDITIONAL"),
        (with_content(data="map.road", facts={"state_secret": True}), 4, "PROHIBITED"),
        (with_content(data="software.source"), 5, "UNDECIDED"),
    ],
)
def test_the_exit_code_is_the_verdict(run, document, code, says):
    assert run("decide", "MOVEMENT", document=document)[0] == code
    found, out, err = run("decide", "MOVEMENT", document=document)
    assert (found, err) == (code, "")
    assert says in out
    found, out, _ = run("decide", "MOVEMENT", "--json", document=document)
    assert found == code
    assert json.loads(out)["verdict"] == says.lower()


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({**CLEAN, "destinatoin": "DE"}, "did you mean destination?"),
        (with_content(data="production.outputs"), "not in the vocabulary"),
        ({**CLEAN, "origin": "XX"}, "the country 'XX'"),
        (with_content(data="text", facts={"no_such_fact": 1}), "not registered"),
        ("a: [", "not YAML"),
        ("", "empty"),
    ],
)
def test_what_cannot_be_read_ends_with_two_and_says_what_to_do(run, document, says):
    code, out, err = run("decide", "MOVEMENT", document=document)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_a_missing_file_and_a_wrong_day_are_wrong_use(run):
    assert run("decide", "/nowhere/movement.yaml")[0] == 2
    code, _, err = run("decide", "MOVEMENT", "--date", "1st May", document=CLEAN)
    assert code == 2
    assert "--date" in err


def test_the_date_option_chooses_the_law(run):
    pictures = with_content(
        data="image.exterior",
        vehicles=1,
        facts={
            "faces_px_max": 20,
            "plates_px_max": 0,
            "sensitive_places": False,
            "sensitive_geography": False,
            "regional_economy_days": 0,
            "public_security_enforcement": False,
        },
    )
    pictures["contents"][0]["persons"] = 3
    pictures |= {
        "history": [],
        "year_to_date": {"persons": 0, "persons_sensitive": 0},
        "basis": [],
        "safeguards": [{"kind": "geodata_approval", "passed": "2025-01-01"}],
    }
    pictures["exporter"] = {**pictures["exporter"], "free_trade_zone": None}
    assert run("decide", "MOVEMENT", "--date", "2026-02-02", document=pictures)[0] == 3
    assert run("decide", "MOVEMENT", "--date", "2026-02-03", document=pictures)[0] == 0


def test_standard_input(run, monkeypatch):
    raw = io.BytesIO(json.dumps(CLEAN).encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=raw))
    assert run("decide", "-")[0] == 0
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff\xfe\x00")))
    assert run("decide", "-")[0] == 2


def test_plan_prints_ways(run):
    code, out, _ = run("plan", "MOVEMENT", document=with_content(data="energy.network"))
    assert code == 0
    assert "security assessment" in out
    code, out, _ = run("plan", "MOVEMENT", "--json", document=with_content(data="energy.network"))
    assert json.loads(out)["plan"] == "v1"


def test_law_show(run):
    code, out, _ = run("law", "show", "cn/guide_2026/g7")
    assert code == 0
    assert "THE NUMBER" in out
    assert "32 from 2026-02-03" in out
    assert run("law", "show", "cn/face_px")[0] == 0
    code, _, err = run("law", "show", "cn/guide_2026/g77")
    assert code == 2
    assert "cn/guide_2026/g7" in err


def test_law_check_passes_and_says_how_much_it_checked(run):
    code, out, _ = run("law", "check", "--json")
    form = json.loads(out)
    assert code == 0
    assert form["problems"] == []
    assert form["rules"] > 70


CASES = """\
cases:
- id: a
  source: {{document: d, item: i}}
  jurisdictions: [{order}]
  movement: {movement}
  expect: {{verdict: {verdict}}}
"""


@pytest.mark.parametrize(
    ("order", "verdict", "code", "outcome"),
    [
        ("CN", "permitted", 0, "preferred"),
        ("CN", "prohibited", 6, "failed"),
        ("BR", "prohibited", 0, "not modelled"),
    ],
)
def test_law_test_scores_cases(run, tmp_path, order, verdict, code, outcome):
    path = tmp_path / "cases.yaml"
    path.write_text(CASES.format(order=order, verdict=verdict, movement=json.dumps(CLEAN)), encoding="utf-8")
    found, out, _ = run("law", "test", str(path), "--json")
    assert found == code
    assert json.loads(out)["cases"][0]["outcome"] == outcome


def test_law_test_refuses_what_is_no_case(run, tmp_path):
    path = tmp_path / "cases.yaml"
    path.write_text("cases:\n- {id: a, verdict: permitted}\n", encoding="utf-8")
    code, _, err = run("law", "test", str(path))
    assert code == 2
    assert "line 2" in err
    assert run("law", "test", str(tmp_path / "nothing"))[0] == 2
