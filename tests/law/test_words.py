"""Every condition of the seven orders has Chinese words; nothing is translated that does not exist."""

from __future__ import annotations

import re
from datetime import date

import pytest

from carnet.errors import LawbookError
from carnet.law.lawbook import default_folder, load_lawbook
from carnet.law.sheet import Line, sheet_of
from carnet.law.words import Pair, read_words

BOOK = load_lawbook()
WORDS = read_words(default_folder(), BOOK.register)
SEVEN = ("CN", "EU", "GB", "CH", "US", "JP", "KR")
HOLE = re.compile(r"\{[a-z0-9_./]+\}")
DAY = date(2026, 11, 22)


def lines(line: Line):
    yield line.words
    for one in line.parts:
        yield from lines(one)


def rules():
    return [rule for code in SEVEN for rule in BOOK.orders[code].rules]


@pytest.mark.parametrize("code", SEVEN)
def test_every_condition_and_effect_has_chinese_words(code):
    order = BOOK.orders[code]
    assert order.rules
    missing = []
    for rule in order.rules:
        for day in (DAY, rule.start, rule.end or DAY):
            sheet = sheet_of(BOOK, rule, day, WORDS)
            said = [*lines(sheet.condition), sheet.then]
            said += [one.shown for one in sheet.numbers]
            missing += [(rule.id, pair.en) for pair in said if pair.zh is None]
    assert missing == []


def test_no_word_of_english_stands_in_a_chinese_condition():
    """What is written as Chinese is Chinese: codes and articles apart, no fact or class shows its name."""
    names = re.compile(r"[a-z]{3,}[._][a-z]+|\b(the|of|data|is)\b")
    found = [
        pair.zh
        for rule in rules()
        for pair in lines(sheet_of(BOOK, rule, DAY, WORDS).condition)
        if pair.zh is not None and names.search(pair.zh)
    ]
    assert found == []


def test_every_chinese_rule_has_its_title_and_its_sentence_with_the_same_holes():
    order = BOOK.orders["CN"]
    for rule in order.rules:
        assert WORDS.of_order("cn", "rules", rule.id, rule.title).zh, rule.id
        assert set(HOLE.findall(WORDS.says[rule.id])) <= set(HOLE.findall(rule.says)), rule.id
    for name in order.parameters:
        assert WORDS.of_order("cn", "parameters", name, "").zh, name


def test_words_are_said_of_what_there_is():
    orders = {order.folder: order for order in BOOK.orders.values()}
    for name in WORDS.entries:
        if len(name) == 3:
            folder, kind, what = name
            order = orders[folder]
            there = {
                "rules": {rule.id for rule in order.rules},
                "terms": set(order.terms),
                "parameters": set(order.parameters),
                "instruments": set(order.instruments),
            }[kind]
            assert what in there, name
    for fragment in WORDS.fragments:
        assert all(BOOK.rule(one) or BOOK.parameter(one) for one in fragment.of), fragment


def test_what_has_no_chinese_is_said_in_english_alone():
    assert WORDS.of("facts", "no_such_fact") == Pair("no such fact")
    gdpr = BOOK.rule("eu/gdpr/art_45")
    assert gdpr is not None
    sheet = sheet_of(BOOK, gdpr, DAY, WORDS)
    assert sheet.title == Pair(gdpr.title)
    assert sheet.says.zh is None


def test_numbers_are_those_of_the_day():
    rule = BOOK.rule("xa/recordings_act/art_12_1")
    assert rule is not None
    for day, number in ((date(2026, 6, 30), "1,000"), (date(2026, 7, 1), "500")):
        sheet = sheet_of(BOOK, rule, day, WORDS)
        assert any(f"more than {number} persons" in pair.en for pair in lines(sheet.condition))
        assert [one.shown.en for one in sheet.numbers if one.now] == [f"{number} persons"]
        assert number in sheet.says.en


def test_a_comparison_is_denied_in_words():
    rule = BOOK.rule("cn/flow_2024/art_5_small_volume")
    assert rule is not None
    said = list(lines(sheet_of(BOOK, rule, DAY, WORDS).condition))
    assert Pair("the country where the reader sits is not China", "查看人所在国不是中国") in said
    assert any(pair.zh == "并非：出境方是关键信息基础设施运营者" for pair in said)


def test_words_are_outside_the_digest():
    assert not any(path.endswith(("words.yaml", "wording.yaml")) for path in BOOK.texts)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("words: v1\nterms:\n  leaves: {en: it leaves}\n", "'zh' is missing"),
        ("words: v1\nterms:\n  leaves: {zh: 出境, cn: 出境}\n", "'cn' is not known"),
        ("words: v1\ntermes: {}\n", "'termes' is not known"),
        ("words: v1\nrules:\n  xa/a: {says: 出境}\n", "'title' is missing"),
    ],
)
def test_bad_words_are_refused_with_their_place(tmp_path, text, says):
    (tmp_path / "xa").mkdir()
    (tmp_path / "xa" / "words.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(LawbookError, match=says) as caught:
        read_words(tmp_path, BOOK.register)
    assert "xa/words.yaml, line" in (caught.value.where or "")
    assert caught.value.remedy
