"""A rule's page on paper: what it says, in faces that it does not carry."""

from __future__ import annotations

import base64
import re
import sys
import zlib
from datetime import date

import pytest

pytest.importorskip("reportlab", reason="the extra 'print' is not installed: rules on paper are left out")

from carnet.law.lawbook import load_lawbook
from carnet.law.sheet import sheet_of
from carnet.service.cli import main
from carnet.service.cli.rule_page import page_of, words_of
from carnet.service.pages.rule_pdf import rule_pdf

BOOK = load_lawbook()
DAY = date(2026, 11, 22)
OCTAL = re.compile(rb"\\([0-7]{3}|[\\()nrtbf])")


def streams(pdf: bytes) -> bytes:
    found = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    return b"\n".join(
        zlib.decompress(base64.a85decode(one.strip(), adobe=False)) for one in map(_ended, found)
    )


def _ended(stream: bytes) -> bytes:
    return stream.strip().removesuffix(b"~>")


def plain(content: bytes) -> bytes:
    escapes = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

    def one(found: re.Match[bytes]) -> bytes:
        text = found[1]
        return bytes([int(text, 8)]) if len(text) == 3 else escapes.get(text, text)

    return OCTAL.sub(one, content)


def pdf(name, language="both"):
    rule = BOOK.rule(name)
    assert rule is not None
    sheet, cases, words = page_of(BOOK, rule, DAY, None)
    return rule_pdf(sheet, cases, words, language)


@pytest.fixture(scope="module")
def held():
    return pdf("cn/flow_2024/art_5_small_volume")


def test_it_is_a_pdf_that_carries_no_face(held):
    assert held.startswith(b"%PDF-1.")
    assert b"/STSong-Light" in held
    assert b"/UniGB-UCS2-H" in held
    assert b"/FontFile" not in held
    assert b"/URI" not in held
    assert b"/JavaScript" not in held


def test_the_same_sheet_gives_the_same_bytes(held):
    assert pdf("cn/flow_2024/art_5_small_volume") == held


def test_it_says_both_languages_and_holds_the_fragments(held):
    text = plain(streams(held))
    assert b"fewer than 100,000 persons" in text
    assert b"We hold fragments of the wording, not the sentence." in text
    for words in ("不含敏感个人信息", "判定条件", "已核对法条原文"):
        shown = words.encode("utf-16-be") in text
        assert shown is (words != "已核对法条原文"), words  # marks are in the page's own language


def test_one_language_alone():
    name = "cn/guide_2026/g7"
    english, chinese = (plain(streams(pdf(name, one))) for one in ("en", "zh"))
    assert "判定条件".encode("utf-16-be") not in english
    assert b"at least 32 px" in english
    assert "判定条件".encode("utf-16-be") in chinese
    assert "二手来源".encode("utf-16-be") in chinese
    assert b"at least 32 px" not in chinese


@pytest.mark.slow
@pytest.mark.parametrize("code", sorted(BOOK.orders))
def test_every_rule_goes_on_paper(code):
    words = words_of(BOOK, None)
    for rule in BOOK.orders[code].rules:
        assert rule_pdf(sheet_of(BOOK, rule, DAY, words), ((), 0), words).startswith(b"%PDF")


def test_a_title_of_many_signs_and_markup_is_text():
    from dataclasses import replace

    rule = BOOK.rule("cn/guide_2026/g7")
    assert rule is not None
    words = words_of(BOOK, None)
    sheet = sheet_of(BOOK, rule, DAY, words)
    title = replace(sheet.title, en="<b>&</i> " + "very long title " * 8)
    content = streams(rule_pdf(replace(sheet, title=title), ((), 0), words))
    assert "<b>&</i> very long title" in "".join(
        plain(one).decode("latin-1") for one in re.findall(rb"\((.*?)(?<!\\)\) Tj", content)
    )


def test_the_command_names_the_extra_that_is_missing(monkeypatch, tmp_path, capsys):
    for name in [one for one in sys.modules if one == "reportlab" or one.startswith("reportlab.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "carnet.service.pages.rule_pdf", raising=False)
    monkeypatch.setitem(sys.modules, "reportlab", None)
    with pytest.raises(SystemExit) as caught:
        main(["law", "show", "cn/guide_2026/g7", "--pdf", str(tmp_path / "g7.pdf")])
    assert caught.value.code not in (0, None)
    assert "carnet[print]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
