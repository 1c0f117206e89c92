"""In which encoding a text is that is neither UTF-8 nor marked as UTF-16: judged from its bytes.

A wrong guess changes letters, and with them the names of columns and persons: so GB 18030, in which nearly
everything is valid, counts only where the letters are those that Chinese texts are made of (GB/T 2312, rows 16
to 87), and every other one is told to the reader of the result.
"""

from __future__ import annotations

import re

ANNOUNCED = frozenset({"utf-8", "utf-16-le", "utf-16-be", "gb18030"})
"""Encodings of which nothing has to be said."""

GB18030, SHIFT_JIS, EUC_JP, EUC_KR, WINDOWS_1252 = "gb18030", "cp932", "euc_jp", "euc_kr", "cp1252"

# What stands beyond ASCII, as a decoder of two-byte letters would take it.
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]")
# Letters of Shift JIS stand in rows; the same bytes in Windows-1252 are quotation marks, which do not.
_SHIFTED = re.compile(rb"(?:[\x81-\x9f\xe0-\xef][\x40-\x7e\x80-\xfc]){2,}")
_HIGH = bytes(range(128, 256))
_KANA = frozenset({0xA4, 0xA5})
_FEWEST = 20
_MOSTLY = 10
_KANA_SHARE = 0.1
# The Hangul of KS X 1001 end in row 40; a third of the letters of Chinese texts stand behind it.
_LAST_HANGUL = 0xC8
_OTHERS_SHARE = 0.02
# Chinese texts are made of the letters up to row 55; behind it stand rare ones, and the small letters of Cyrillic.
_LAST_COMMON = 0xD7
_LATIN_SHARE = 0.3


def legacy_of(data: bytes) -> tuple[str, ...]:
    """Give the encodings that a text may be in, the likeliest first; the caller tries whether it is valid in them.

    None for UTF-8 with a few damaged letters, which any other encoding would turn into others, and for Cyrillic.

    Args:
        data: the beginning of the text, not UTF-8.
    """
    as_utf8 = data.decode("utf-8", "replace")
    bad = as_utf8.count("\ufffd")
    if sum(not one.isascii() for one in as_utf8) > _MOSTLY * bad:
        return ()
    found = _PAIR.findall(data)
    double = [one for one in found if len(one) == 2]  # noqa: PLR2004 -- a letter of two bytes
    national = [one for one in double if min(one) > 0xA0]  # noqa: PLR2004 -- both bytes as in GB/T 2312
    if len(national) * 2 >= len(found):
        if sum(one[0] > _LAST_COMMON for one in national) * 2 > len(national):
            return ()
        if sum(one[0] in _KANA for one in national) > _KANA_SHARE * len(national):
            return (EUC_JP, GB18030)
        beyond = sum(one[0] > _LAST_HANGUL for one in national)
        if len(national) >= _FEWEST and beyond <= _OTHERS_SHARE * len(national):
            return (EUC_KR, GB18030)
        return (GB18030,)
    if sum(map(len, _SHIFTED.findall(data))) * 2 >= len(found):
        return (SHIFT_JIS, GB18030)
    # In a language with Latin letters most of them are ASCII's.
    beyond_ascii = len(data) - len(data.translate(None, _HIGH))
    return (WINDOWS_1252, GB18030) if beyond_ascii <= _LATIN_SHARE * len(data) else (GB18030,)
