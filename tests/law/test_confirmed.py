"""Comparisons with the official text: what they raise, and when they lapse."""

import shutil
from pathlib import Path

import pytest

from carnet.decide import decide
from carnet.errors import InputError, LawbookError, UnreadableError
from carnet.law.casebook import read_cases
from carnet.law.checks import check_cases
from carnet.law.lawbook import default_folder, load_lawbook
from carnet.service.cli.confirm import confirm


@pytest.fixture
def law(tmp_path: Path) -> Path:
    folder = tmp_path / "law"
    shutil.copytree(default_folder(), folder)
    return folder


@pytest.fixture
def official(tmp_path: Path) -> Path:
    path = tmp_path / "official.txt"
    path.write_text("the document that was compared", "utf-8")
    return path


def faces(folder: Path):
    text = (folder / "cn" / "cases" / "days.yaml").read_text("utf-8")
    return next(case for case in read_cases(text, "days") if "cn/guide_2026/g7" in case.says)


def test_what_was_compared_is_official_and_the_digest_changes(law, official, capsys):
    before = load_lawbook(law)
    assert before.parameter("cn/face_px").values[-1].certainty == "secondary"
    confirm("cn/face_px", by="Chen Yu", text=official, start=None, lawbook=law)
    confirm("cn/guide_2026/g7", by="Chen Yu", text=official, start=None, lawbook=law)
    after = load_lawbook(law)
    assert after.digest != before.digest
    assert after.digest in capsys.readouterr().out
    value = after.parameter("cn/face_px").values[-1]
    assert value.certainty == "official"
    assert "Chen Yu" in value.confirmed
    assert after.rule("cn/guide_2026/g7").certainty == "official"
    assert before.rule("cn/guide_2026/g7").certainty == "secondary"
    movement = faces(law).movement

    def said(book):
        return [
            one.certainty
            for content in decide(movement, book).contents
            for one in content.findings
            if one.rule == "cn/guide_2026/g7"
        ]

    assert set(said(before)) <= {"secondary"}
    assert set(said(after)) <= {"official"}


def test_a_comparison_is_written_once_and_can_be_made_again(law, official):
    for by in ("Chen Yu", "Lin Wei"):
        confirm("cn/face_px", by=by, text=official, start="2026-02-03", lawbook=law)
    text = (law / "cn" / "confirmed.yaml").read_text("utf-8")
    assert (text.count("cn/face_px"), text.count("Lin Wei"), text.count("Chen Yu")) == (1, 1, 0)


def test_when_the_rule_changes_the_comparison_lapses_and_the_check_says_so(law, official):
    confirm("cn/guide_2026/g7", by="Chen Yu", text=official, start=None, lawbook=law)
    path = law / "cn" / "rules" / "40_important.yaml"
    text = path.read_text("utf-8").replace("title: Faces outside the vehicle", "title: Faces outside a car")
    path.write_text(text, "utf-8")
    book = load_lawbook(law)
    assert book.rule("cn/guide_2026/g7").certainty == "secondary"
    assert any("speaks for nothing" in one.what for one in check_cases(book, []))


def test_when_the_value_changes_the_comparison_lapses(law, official):
    confirm("cn/face_px", by="Chen Yu", text=official, start=None, lawbook=law)
    path = law / "cn" / "parameters.yaml"
    path.write_text(path.read_text("utf-8").replace("value: 32\n", "value: 33\n"), "utf-8")
    assert load_lawbook(law).parameter("cn/face_px").values[-1].certainty == "secondary"


@pytest.mark.parametrize(
    ("name", "start", "by", "match"),
    [
        ("cn/nothing", None, "x", "nothing named"),
        ("zz/nothing", None, "x", "nothing named"),
        ("cn/face_px", "2025-01-01", "x", "no value from that day"),
        ("cn/face_px", "someday", "x", "no value from that day"),
        ("cn/guide_2026/g7", "2026-02-03", "x", "as a whole"),
        ("cn/face_px", None, " ", "nobody is named"),
    ],
)
def test_a_comparison_of_nothing_is_refused_and_nothing_is_written(law, official, name, start, by, match):
    with pytest.raises(InputError, match=match):
        confirm(name, by=by, text=official, start=start, lawbook=law)
    assert not (law / "cn" / "confirmed.yaml").exists()


def test_a_document_that_is_not_there_is_refused(law, tmp_path):
    with pytest.raises(UnreadableError, match="cannot be read"):
        confirm("cn/face_px", by="x", text=tmp_path / "none", start=None, lawbook=law)


@pytest.mark.parametrize(
    "entry",
    [
        "{id: cn/face_px, from: 2026-02-03, by: x, date: 2026-11-22, text: abc, of: abc}",
        "{id: cn/face_px, from: 2026-02-03, by: x, date: 2026-11-22}",
        "{id: cn/face_px, why: x}",
    ],
)
def test_a_record_of_another_form_is_refused_with_its_line(law, entry):
    (law / "cn" / "confirmed.yaml").write_text(f"confirmed:\n- {entry}\n", "utf-8")
    with pytest.raises(LawbookError, match="confirmed"):
        load_lawbook(law)


def test_a_comparison_lapses_when_a_term_that_the_rule_uses_is_given_another_meaning(law, official):
    name = "gb/uk_gdpr/art_49"  # reads the term `derogation`, which stands in the index
    confirm(name, by="x", text=official, start=None, lawbook=law)
    assert load_lawbook(law).rule(name).certainty == "official"
    index = law / "gb" / "index.yaml"
    text = index.read_text("utf-8")
    assert "vital_interest" in text
    index.write_text(text.replace("vital_interest", "public_interest"), "utf-8")
    assert load_lawbook(law).rule(name).certainty == "background"


def test_an_empty_document_is_no_official_text(law, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(UnreadableError, match="empty"):
        confirm("cn/face_px", by="x", text=empty, start=None, lawbook=law)
