"""YAML 1.2 core schema: what is read, and what is refused with its line."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.errors import UnreadableError
from carnet.model.yaml12 import MAX_DEPTH, read_yaml

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(
        st.characters(
            codec="utf-8",
            exclude_categories=["Cc", "Cs"],
            exclude_characters="\u2028\u2029\ufeff\x85\ufffe\uffff",
        )
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdefgh", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_norway_is_a_country_and_on_is_a_word():
    doc = read_yaml("{country: NO, on: yes, off: n, day: 2026-08-01, half: .5, hex: 0x1F}", "t")
    assert doc.value == {
        "country": "NO",
        "on": "yes",
        "off": "n",
        "day": "2026-08-01",
        "half": 0.5,
        "hex": 31,
    }


def test_leading_zero_is_decimal_and_sexagesimal_is_text():
    assert read_yaml("{a: 0123, b: 12:30, c: 1_000}", "t").value == {"a": 123, "b": "12:30", "c": "1_000"}


@given(JSON)
def test_json_is_read_as_itself(value):
    assert read_yaml(json.dumps({"v": value}, ensure_ascii=False), "t").value == {"v": value}


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_in_our_words(text):
    with contextlib.suppress(UnreadableError):
        assert read_yaml(text, "t").source == "t"


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "given twice", 3),
        ("a: &x 1\nb: *x\n", "anchors", 1),
        ("a: !!python/object:os.system x\n", "tags", 1),
        ("a: 1\n---\nb: 2\n", "several documents", 2),
        ("a: [1, 2\nb: 3\n", "not YAML", 2),
        ("? [a, b]\n: c\n", "a key is not text", 1),
    ],
)
def test_refusal_names_the_line(text, says, line):
    with pytest.raises(UnreadableError) as caught:
        read_yaml(text, "file.yaml")
    assert says in caught.value.what
    assert f"file.yaml, line {line}" in (caught.value.where or "")


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_an_empty_document_is_refused(text):
    with pytest.raises(UnreadableError, match="empty"):
        read_yaml(text, "t")


def test_deep_nesting_is_refused_and_not_a_crash():
    with pytest.raises(UnreadableError, match=f"deeper than {MAX_DEPTH}"):
        read_yaml("[" * 5000 + "]" * 5000, "t")


def test_every_path_has_its_line():
    doc = read_yaml("a: 1\nb:\n- c: 2\n- c: 3\n", "t")
    assert doc.lines["b[1].c"] == 4
