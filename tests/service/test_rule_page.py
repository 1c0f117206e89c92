"""A rule's page: whole in one file, no address, languages marked, and nothing said that is not held."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest

from carnet.law.lawbook import load_lawbook
from carnet.law.sheet import sheet_of
from carnet.service.cli import main
from carnet.service.cli.rule_page import page_of, words_of
from carnet.service.pages.rule_html import rule_html

BOOK = load_lawbook()
DAY = date(2026, 11, 22)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
VOID = {"meta", "link", "br", "path", "rect", "use"}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in order, and knows its language."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.said: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    @property
    def language(self) -> str:
        return next((lang for _, lang in reversed(self.stack) if lang), "")

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [values["id"]] if "id" in values else []
        if tag not in VOID:
            self.stack.append((tag, values.get("lang") or ""))

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.stack, tag
        assert self.stack.pop()[0] == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1][0] not in {"style", "title"} and data.strip():
            self.said.append((self.language, data))


def page(name, language="both", day=DAY):
    rule = BOOK.rule(name)
    assert rule is not None
    sheet, cases, words = page_of(BOOK, rule, day, None)
    return rule_html(sheet, cases, words, language)


@pytest.fixture(scope="module")
def faces():
    return page("cn/guide_2026/g7")


def test_the_page_holds_everything_and_asks_for_nothing(faces):
    read = Reader(faces)
    assert "script" not in read.tags
    assert "link" not in read.tags
    for _, name, value in read.attributes:
        assert name not in {"src", "style", "srcset", "action", "onclick"}
        if name in {"href", "fill"} and ("#" in value or "/" in value):
            assert value.startswith(("#", "url(#"))
    assert "http://" not in faces
    assert "https://" not in faces
    assert "@import" not in faces


def test_the_policy_names_the_stylesheet_by_its_digest(faces):
    style = re.search(r"<style>(.*?)</style>", faces, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in faces


def test_landmarks_and_names(faces):
    read = Reader(faces)
    assert len(read.ids) == len(set(read.ids))
    assert [read.tags.count(one) for one in ("main", "h1", "header", "footer")] == [1, 1, 2, 1]
    named = {value for _, name, value in read.attributes if name == "aria-labelledby"}
    assert named <= set(read.ids)
    assert read.tags.count("section") == len(named)
    heads = [value for tag, name, value in read.attributes if tag == "th" and name == "scope"]
    assert heads
    assert len(heads) == read.tags.count("th")


@pytest.mark.parametrize("language", ["both", "en"])
@pytest.mark.parametrize("name", ["cn/guide_2026/g7", "cn/flow_2024/art_5_small_volume", "us/dsp/202_210"])
def test_every_chinese_run_is_marked_so(name, language):
    if BOOK.rule(name) is None:
        name = BOOK.orders["US"].rules[0].id
    for lang, text in Reader(page(name, language)).said:
        assert not CHINESE.search(text) or lang == "zh-Hans", text


def test_a_chinese_page_marks_what_is_english():
    read = Reader(page("cn/flow_2024/art_5_hr", "zh"))
    english = [text for lang, text in read.said if lang == "en"]
    assert any("reading" in text.lower() or "art. 5" in text for text in english)
    for lang, text in read.said:
        words = re.findall(r"[A-Za-z]{4,}", text)
        if lang == "zh-Hans" and len(words) > 2:
            assert re.search(r"carnet law confirm|cn/|sha256|CN-FLOW", text), text


def test_a_sentence_that_is_not_held_is_not_put_under_the_law_says(faces):
    assert "<blockquote" not in faces
    assert 'class="blocked"' in faces
    assert "We do not hold the official wording" in faces
    held = page("cn/flow_2024/art_5_small_volume")
    quoted = re.search(r"<blockquote[^>]*>(.*?)</blockquote>", held, re.DOTALL)
    assert quoted is not None
    assert re.findall(r"<mark>(.*?)</mark>", quoted[1]) == ["不满10万人", "不含敏感个人信息"]
    assert "fragments of the wording, not the sentence" in held


def test_the_page_says_number_source_certainty_and_cases(faces):
    text = " ".join(words for _, words in Reader(faces).said)
    for wanted in (
        "32 px",
        "3 Feb 2026",
        "secondary source",
        "Largest face of 32 px",
        "Largest face of 31 px",
    ):
        assert wanted in text
    assert "on the number" in text
    assert "not decided; asks: the longer side of the largest real face, as measured" in text
    assert BOOK.digest in faces


def test_a_day_before_the_rule_is_said():
    assert "not in force on that day" in page("cn/guide_2026/g7", day=date(2026, 2, 2))
    assert "not in force on that day" not in page("cn/guide_2026/g7", day=date(2026, 2, 3))


def test_what_the_lawbook_says_is_text_and_never_markup():
    rule = BOOK.rule("cn/guide_2026/g7")
    assert rule is not None
    sheet, cases, words = page_of(BOOK, rule, DAY, None)
    bad = replace(rule, title="<script>alert(1)</script>", cite='"><img src=x>')
    text = rule_html(replace(sheet, rule=bad, title=replace(sheet.title, en=bad.title)), cases, words)
    assert "<script" not in text
    assert "<img" not in text


@pytest.mark.parametrize("code", sorted(BOOK.orders))
def test_every_rule_has_a_page(code):
    words = words_of(BOOK, None)
    for rule in BOOK.orders[code].rules:
        sheet = sheet_of(BOOK, rule, DAY, words)
        for language in ("both", "zh"):
            Reader(rule_html(sheet, ((), 0), words, language))


def test_the_command_writes_the_page(tmp_path, capsys):
    target = tmp_path / "g7.html"
    with pytest.raises(SystemExit) as caught:
        main(["law", "show", "cn/guide_2026/g7", "--html", str(target)])
    assert caught.value.code in (0, None)
    assert target.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert "bytes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cn/face_px", "--html", "x.html"], "is no rule"),
        (["cn/guide_2026/g7", "--html", "x.html", "--lang", "fr"], "the language 'fr' is not known"),
        (["cn/guide_2026/g7", "--html", "nowhere/x.html"], "cannot be written"),
    ],
)
def test_the_command_refuses_and_says_what_to_do(arguments, says, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["law", "show", *arguments])
    assert caught.value.code not in (0, None)
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def shown(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(["law", "show", *arguments])
    assert caught.value.code in (0, None)
    return capsys.readouterr().out


def test_the_text_is_english_unless_another_language_is_asked_for(capsys):
    english = shown(capsys, "cn/guide_2026/g7")
    assert "the longer side of the largest real face, as measured: at least 32 px" in english
    assert "判定条件" not in english
    chinese = shown(capsys, "cn/guide_2026/g7", "--lang", "zh")
    assert "最大真实人脸检测框的较长边达到或者超过32像素" in chinese
    assert "WE CHECK" not in chinese
    both = shown(capsys, "cn/guide_2026/g7", "--lang", "both")
    assert "WE CHECK" in both
    assert "判定条件" in both


def test_the_text_holds_fragments_only_where_they_are_held(capsys):
    assert "WORDS OF THE LAW THAT WE HOLD\n  ……不满10万人……" in shown(
        capsys, "cn/flow_2024/art_5_small_volume"
    )
    assert "WORDS OF THE LAW" not in shown(capsys, "cn/guide_2026/g7")
