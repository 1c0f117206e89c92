"""Finds what identifies somebody in text: vehicle numbers, plates, mails, telephones, identity cards, places.

A recogniser with a checksum is believed; one without needs a form that little else has, or a word beside it.
Names have neither: only a name beside a word such as `driver:` is found, and free mentions are not.
VIN: ISO 3779 with the check digit of 49 CFR 565.15 and GB 16735 (weights 8 7 6 5 4 3 2 10 0 9 ... 2, modulo
11, ten is X); makers in Europe and parts of Asia do not set it, so there the maker's region and a serial are
asked for instead.
Chinese identity number: GB 11643. IMEI: Luhn's digit (3GPP TS 23.003, annex B). Chinese plates: GA 36.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from carnet.model.factsheet import Certainty
from carnet.model.ids import DataClass
from carnet.recognise.bare_pairs import bare_pairs
from carnet.recognise.hemispheres import hemispheres

LONGEST_TEXT = 1024 * 1024
BETWEEN = "\n|||\n"
"""Stands between texts that are looked through together: no rule reads on over it."""

_VIN = re.compile(r"(?<![A-Za-z0-9])[A-HJ-NPR-Za-hj-npr-z0-9]{17}(?![A-Za-z0-9])")
_VIN_WORD = re.compile(r"(?<![a-z])(?:vin|fin|fahrgestell|chassis|车架|車台|車架)", re.IGNORECASE)
_VIN_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# Makers' codes of regions that do not ask for a check digit (ISO 3780: Europe S to Z, Asia J, K, M to R), a serial.
_UNCHECKED = re.compile(r"[JKMNPRS-Z][A-Z0-9][A-Z0-9].{10}\d{4}")
_FEWEST_LETTERS = 4
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE = re.compile(
    rf"[{_PROVINCES}][A-HJ-NP-Z][·\s-]?(?:[A-HJ-NP-Z0-9]{{5}}|[DF][A-HJ-NP-Z0-9]\d{{4}}|\d{{5}}[DF]|[A-HJ-NP-Z0-9]{{4}}[挂学警港澳])(?![A-Z0-9])"
)
# From its sign on; what stands before it is read back. Chinese and Japanese follow without a space.
_MAIL_DOMAIN = re.compile(r"@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9_@])")
_MAIL_LOCAL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}\Z")
# Expressions begin with what they look for and look back from there: an assertion in front would be tried everywhere.
_MOBILE_CN = re.compile(r"1(?<![\dA-Za-z.+]1)[3-9]\d(?:[ -]?\d{4}){2}(?!\.?\d|[A-Za-z])")
_MOBILE_86 = re.compile(r"86(?<![\dA-Za-z.+]86)[ -]?1[3-9]\d(?:[ -]?\d{4}){2}(?!\.?\d|[A-Za-z])")
# The sign of the country first, so that the expression leaps from sign to sign.
_PHONE = re.compile(
    r"\+(?<![\dA-Za-z+.]\+)[1-9]\d{0,2}[ /-]?(?:\(\d{1,4}\)[ /-]?)?\d(?:[ /-]?\d){6,11}(?![\dA-Za-z])"
)
_PHONE_US = re.compile(r"\((?<!\w\()[2-9]\d{2}\) ?[2-9]\d{2}-\d{4}(?![\dA-Za-z-])")
_PHONE_JP = re.compile(r"0(?<![\dA-Za-z.+-]0)[789]0-\d{4}-\d{4}(?![\dA-Za-z-])")
_PLATE_JP = re.compile(r"[\u3041-\u3093] ?(?:\d{2}-\d{2}|[・.]{1,3}\d{1,3})(?![\d-])")
_PLATE_JP_HEAD = re.compile(r"[\u3041-\u3093\u4e00-\u9fff]{1,4} ?\d{2,3} ?\Z")
_PLATE_DE = re.compile(r"-[A-Z]{1,2} [1-9]\d{0,3}[EH]?(?![\w-])")
_PLATE_DE_HEAD = re.compile(r"(?<![\w-])[A-ZÄÖÜ]{1,3}\Z")
# From the year of birth on; the area stands before it.
_IDENTITY_CN = re.compile(r"[12][90]\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])")
_AREA_CN = re.compile(r"(?<!\d)\d{6}\Z")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IMEI = re.compile(r"\d(?<!\d\d)\d{14}(?!\d)")
_MAC_TAIL = re.compile(r":[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){4}(?![0-9A-Fa-f:-])")
_MAC_HEAD = re.compile(r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}")
_ISO6709 = re.compile(r"[+-](?<![\d.][+-])\d{2}(?:\d{2}){0,2}\.\d{3,}[+-]\d{3}(?:\d{2}){0,2}\.\d{3,}")
_LATITUDES = ("lat", "breite", "纬度", "緯度")
_LONGITUDES = ("lon", "lng", "länge", "laenge", "经度", "經度", "経度")
_COORDINATE_WORD = re.compile(
    r"(?:latitude|longitude|breite|länge|laenge|[纬緯经經経]度|(?<![a-z])(?:lat|lon|lng)(?![a-z]))"
    r"\W{0,4}(?P<value>[+-]?\d{1,3}[.,]\d{3,})",
    re.IGNORECASE,
)
# Packed as receivers and telephones do, in 1e-7 degrees; behind the whole word: `lat` is latency as well.
_PACKED_WORD = re.compile(
    r"(?:latitude|longitude)(?:_?e7)?\W{0,4}(?P<value>[+-]?\d{7,10}(?![\d.]))", re.IGNORECASE
)
_NMEA_LINE = re.compile(r"\$(?:(?:G[A-Z]|BD|QZ|II)(?:GGA|RMC|GLL|GNS)|PUBX,00),[^\r\n\"]*")
_VIN_BYTES = 17
# Some of them, written out: a text without any is passed over in half the time.
_SOME_HEX_BYTES = re.compile("[ :-][0-9A-Fa-f]{2}" * 5 + "[ :-]")
_HEX_BYTES = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{2}(?:[ :-][0-9A-Fa-f]{2}){16,1023}(?![0-9A-Za-z])")
# What diagnosis says before a VIN: UDS, when it is written, OBD, KWP 2000.
_VIN_ANSWER = re.compile(rb"(?:\x62\xf1\x90|\x2e\xf1\x90|\x49\x02\x01|\x5a\x90)[A-HJ-NPR-Z0-9]{17}")
_LONGEST_LOCAL, _LONGEST_HEAD = 66, 12
# Twelve bytes or more: a mail or a plate with a word before it.
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,1400000}={0,2}(?![A-Za-z0-9+/=_-])")
_DEEPEST_CODE = 2
# Whatever is looked for has two figures side by side, a mail's sign, or a word and a colon before a name.
_WORTH = re.compile(r"\d\d|[@:：=]")
_CONTROL = bytes([*range(9), 11, 12, *range(14, 32), 127])
_PLATE_WORDS = ("plate", "registration", "kennzeichen", "immatriculation", "车牌", "車牌", "ナンバー")
_PLATE_NAMED = re.compile(
    r"(?:(?<![a-z])plate|registration[ _-]?(?:no|number|plate)|kennzeichen|immatriculation|车牌|車牌|ナンバー)"
    r"(?![a-z])"
    r"(?:[ _-]?(?:no|nr|number|号|号码|番号)\b)?[^\w\n]{0,6}(?:(?:is|was|ist|lautet|为|是)\b[^\w\n]{0,3})?"
    r"(?-i:(?P<value>(?<![\w.+-])[A-ZÄÖÜ0-9]{1,4}(?:[ ·-]?[A-Z0-9]{1,5}){1,3}(?![\w+-]|\.\w)))",
    re.IGNORECASE,
)
_IBAN = re.compile(
    r"[A-Z](?<![A-Za-z0-9][A-Z])[A-Z]\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"
)
# Names go by the word beside them; no dictionary of names is shipped.
_NAME_WORDS = (
    *(
        "driver",
        "owner",
        "passenger",
        "customer",
        "fahrer",
        "halter",
        "kunde",
        "kundin",
        "conducteur",
        "titulaire",
    ),
    *("车主", "驾驶员", "司机", "乘客", "姓名", "氏名", "運転者"),
)
_NAME = re.compile(
    r"(?:(?<![a-z])(?:driver|owner|passenger|customer|fahrer(?:in)?|halter(?:in)?|kunde|kundin|conducteur|titulaire)"
    r"(?:[ _-]?name)?|车主|驾驶员|司机|乘客|姓名|氏名|運転者)[\"']?\s{0,2}[:=：]\s{0,2}[\"']?"
    r"(?-i:(?P<value>[\u4e00-\u9fff]{2,4}|[A-ZÀ-Þ][\w'\u2019.-]{1,30}(?:[ ,]{1,2}[A-ZÀ-Þ][\w'\u2019.-]{0,30}){1,3}))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Span:
    """Where something that identifies stands in a text: first character, the one behind, class and rule."""

    start: int
    end: int
    data: DataClass
    rule: str


@dataclass(frozen=True, slots=True)
class Hit:
    """What a recogniser found: the class, and the rule; never the value."""

    data: DataClass
    rule: str

    @property
    def certainty(self) -> Certainty:
        """How sure it is: what a plug-in says is likely."""
        return Certainty.LIKELY if self.rule.startswith(PLUGIN) else Certainty.CERTAIN


PLUGIN = "plugin:"
"""What the rule of a finding begins with that others made."""

_others: list[Callable[[str], tuple[Hit, ...]] | None] = [None]


@contextmanager
def beside(find: Callable[[str], tuple[Hit, ...]] | None) -> Iterator[None]:
    """Let somebody else look at every text too, until this ends; what is found is added. None: nobody."""
    _others.append(find)
    try:
        yield
    finally:
        _others.pop()


def vin_check_digit_holds(vin: str) -> bool:
    """Say whether position 9 of a VIN is its check digit; False for anything that is no VIN."""
    text = vin.upper()
    if len(text) != len(_VIN_WEIGHTS) or any(sign not in _VIN_VALUES for sign in text):
        return False
    return text[8] == vin_check_digit(text)


def vin_check_digit(vin: str) -> str:
    """Give the check digit that belongs to a VIN in capitals, whatever stands at position 9."""
    total = sum(_VIN_VALUES[sign] * weight for sign, weight in zip(vin, _VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def find_vins(text: str) -> tuple[str, ...]:
    """Give every VIN of a text in capitals: by check digit, or by a word beside it and its form."""
    return tuple(text[start:end].upper() for start, end in _vins(text, ""))


def _vins(text: str, small: str) -> Iterator[tuple[int, int]]:
    del small
    for match in _VIN.finditer(text):
        token = match.group()
        if token not in {token.upper(), token.lower()} or token.isalpha() or token.isdigit():
            continue
        before = text[max(0, match.start() - 24) : match.start()].rpartition(BETWEEN)[2]
        named = _VIN_WORD.search(before) is not None
        letters = sum(sign.isalpha() for sign in token)
        # One hexadecimal number in eleven has a check digit by chance; a VIN's letters go beyond F.
        beyond = any(sign > "F" for sign in token.upper() if sign.isalpha())
        shaped = token.isupper() and _UNCHECKED.fullmatch(token) is not None and letters >= _FEWEST_LETTERS
        if named or (beyond and (vin_check_digit_holds(token) or shaped)):
            yield match.span()


def _spelt_bytes(text: str, small: str) -> Iterator[tuple[int, int]]:
    """Find VIN in bytes that are spelt one by one, as diagnosis and bus logs do: `62 F1 90 57 56 57 ...`."""
    del small
    if max(map(text.count, " :-")) < _VIN_BYTES - 1:
        return
    if _SOME_HEX_BYTES.search(text) is None:
        return
    for match in _HEX_BYTES.finditer(text):
        data = bytes.fromhex(re.sub("[:-]", " ", match.group()))
        if _VIN_ANSWER.search(data) is not None or next(_vins(data.decode("latin-1"), ""), None) is not None:
            yield match.span()


def _identity_cn(token: str) -> bool:
    total = sum(int(sign) * weight for sign, weight in zip(token[:17], _IDENTITY_WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == token[17].upper() and token[6:8] in {"19", "20"}


def _luhn(token: str) -> bool:
    total = 0
    for place, sign in enumerate(reversed(token)):
        total += sum(divmod(int(sign) * (2 if place % 2 else 1), 10))
    return total % 10 == 0


def _iban(token: str) -> bool:
    """Say whether a bank account number's check digits hold (ISO 13616, modulo 97)."""
    plain = token.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


Bounds = Iterator[tuple[int, int]]
_Finder = Callable[[str, str], Bounds]
"""Gives where values stand, from a text and the same text in small letters."""


def _matches(pattern: re.Pattern[str], check: Callable[[str], bool] | None = None) -> _Finder:
    """Find a pattern; what it matches has to pass a check."""

    def find(text: str, small: str) -> Bounds:
        del small
        for match in pattern.finditer(text):
            if check is None or check(match.group()):
                yield match.span()

    return find


def _beside(
    words: Sequence[str], pattern: re.Pattern[str], check: Callable[[str], bool] | None = None
) -> _Finder:
    """Find values that stand behind a word; the words are looked for first, because that is fast."""

    def find(text: str, small: str) -> Bounds:
        for word in words:
            at = small.find(word)
            while at >= 0:
                match = pattern.match(text, at)
                # A word with something before it, as in `registration plate`, begins earlier than the one looked for.
                if match is not None and (check is None or check(match["value"])):
                    yield match.span("value")
                at = small.find(word, at + len(word))

    return find


def _headed(
    pattern: re.Pattern[str], head: re.Pattern[str], check: Callable[[str], bool] | None = None
) -> _Finder:
    """Find a pattern by its rarer part, and read back what has to stand before it."""

    def find(text: str, small: str) -> Bounds:
        del small
        for match in pattern.finditer(text):
            before = head.search(text, max(0, match.start() - _LONGEST_HEAD), match.start())
            if before is not None and (check is None or check(text[before.start() : match.end()])):
                yield before.start(), match.end()

    return find


def _mails(text: str, small: str) -> Bounds:
    del small
    for match in _MAIL_DOMAIN.finditer(text):
        at = match.start()
        local = _MAIL_LOCAL.search(text, max(0, at - _LONGEST_LOCAL), at)
        if local is not None:
            yield local.start(), match.end()


def _macs(text: str, small: str) -> Bounds:
    del small
    for match in _MAC_TAIL.finditer(text):
        if match.start() > 1 and _MAC_HEAD.match(text, match.start() - 2, match.start()):
            yield match.start() - 2, match.end()


def _pairs(text: str, small: str) -> Bounds:
    return bare_pairs(text, small, BETWEEN)


def _imeis(text: str, small: str) -> Bounds:
    # Fifteen digits with Luhn's digit are one in ten; the word has to stand somewhere in the text.
    if "imei" not in small:
        return
    for start, end in _matches(_IMEI, _luhn)(text, small):
        first, last = text.rfind(BETWEEN, 0, start), text.find(BETWEEN, end)
        if small.find("imei", max(0, first), last if last >= 0 else len(small)) >= 0:
            yield start, end


def _is_mixed(token: str) -> bool:
    return any(sign.isdigit() for sign in token) and any(sign.isalpha() for sign in token)


_RULES: tuple[tuple[str, str, _Finder], ...] = (
    ("vehicle_id.vin", "vin", _vins),
    ("vehicle_id.vin", "vin in hex", _spelt_bytes),
    ("vehicle_id.plate", "plate_cn", _matches(_PLATE)),
    ("vehicle_id.plate", "plate_de", _headed(_PLATE_DE, _PLATE_DE_HEAD)),
    ("vehicle_id.plate", "plate_jp", _headed(_PLATE_JP, _PLATE_JP_HEAD)),
    ("vehicle_id.plate", "plate_word", _beside(_PLATE_WORDS, _PLATE_NAMED, _is_mixed)),
    ("identity.contact", "mail", _mails),
    ("identity.government", "identity_card_cn", _headed(_IDENTITY_CN, _AREA_CN, _identity_cn)),
    ("identity.contact", "telephone", _matches(_MOBILE_CN)),
    ("identity.contact", "telephone", _matches(_MOBILE_86)),
    ("identity.contact", "telephone", _matches(_PHONE)),
    ("identity.contact", "telephone", _matches(_PHONE_US)),
    ("identity.contact", "telephone", _matches(_PHONE_JP)),
    ("identity.financial", "iban", _matches(_IBAN, _iban)),
    ("identity.name", "name_word", _beside(_NAME_WORDS, _NAME)),
    ("vehicle_id.device", "imei", _imeis),
    ("vehicle_id.device", "mac", _macs),
    ("location.position", "coordinates", _matches(_ISO6709)),
    ("location.position", "coordinates", _matches(_NMEA_LINE)),
    ("location.position", "coordinates", _beside((*_LATITUDES, *_LONGITUDES), _COORDINATE_WORD)),
    ("location.position", "coordinates", _beside(("latitude", "longitude"), _PACKED_WORD)),
    ("location.position", "coordinates", hemispheres),
    ("location.position", "pair of coordinates", _pairs),
)
# Figures, letters and what joins them in Chinese and Japanese width (U+FF01 to U+FF5E: ASCII, one by one).
_WIDE = re.compile("[\uff20\uff0b\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_NARROW = {0x3000: " ", **{sign + 0xFEE0: chr(sign) for sign in range(0x21, 0x7F)}}
_SHORT = 64
_PIECE, _OVERLAP = 256 * 1024, 4096
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,5}(?:\.[0-9]{1,3})?", re.ASCII)
_CLASSES = tuple((DataClass(data), f"text:{rule}", find) for data, rule, find in _RULES)


def spans(text: str) -> Iterator[Span]:
    """Give every place of a text at which something identifies, rule by rule; places may overlap.

    Where a rule goes by a word beside the value (`name_word`, `plate_word`, coordinates with their name), the
    span is the value alone. Base 64 and hexadecimal runs are decoded and looked into, up to twice.
    """
    return _spans(text, 0)


def _spans(text: str, depth: int) -> Iterator[Span]:
    if not text.isascii() and _WIDE.search(text) is not None:
        text = text.translate(_NARROW)
    small = text.lower()
    if len(small) != len(text):
        # A letter that becomes two would move every place behind it.
        small = "".join(one if len(one.lower()) > 1 else one.lower() for one in text)
    for data, rule, find in _CLASSES:
        for start, end in find(text, small):
            yield Span(start, end, data, rule)
    if depth < _DEEPEST_CODE:
        yield from _encoded(text, depth)


def _encoded(text: str, depth: int) -> Iterator[Span]:
    """Give runs of base 64 or hexadecimal digits in which something identifies, once they are decoded."""
    for match in _ENCODED.finditer(text):
        run = match.group()
        for name, decode in (("hex", bytes.fromhex), ("base64", _from_base64)):
            try:
                data = decode(run)
            except ValueError:
                continue
            # Random bytes have no words: what is not mostly text is not looked into.
            if len(data) - len(data.translate(None, _CONTROL)) > len(data) // 10 and b"\x00" not in data:
                continue
            wide = data.count(b"\x00") > len(data) // 4
            inner = data.decode("utf-16-le" if wide else "utf-8", "replace")
            if sum(sign.isprintable() for sign in inner) * 10 < len(inner) * 9:
                continue
            if _WORTH.search(inner) is None:
                continue
            for one in {(found.data, found.rule) for found in _spans(inner, depth + 1)}:
                yield Span(match.start(), match.end(), one[0], f"{one[1]} in {name}")


def _from_base64(run: str) -> bytes:
    plain = run.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def recognise(text: str) -> tuple[Hit, ...]:
    """Give each class of identifying data in a text once, with the rule that found it.

    Args:
        text: any text; only its first `LONGEST_TEXT` characters are looked at.
    """
    find = _others[-1]
    if is_plain_number(text):
        return ()
    hits = _own(text[:LONGEST_TEXT])
    return hits if find is None or not text else (*hits, *find(text[:LONGEST_TEXT]))


def is_plain_number(text: str) -> bool:
    """Say whether a text is a number of so few digits that no rule looks at it."""
    return _PLAIN_NUMBER.fullmatch(text) is not None


def recognise_each(texts: Iterable[str]) -> tuple[Hit, ...]:
    """Give what `recognise` finds in any of some texts; many together take a fraction of the time.

    A text longer than `LONGEST_TEXT` is looked through to its end, in pieces that overlap by `_OVERLAP`. Who looks
    beside carnet is given each text for itself.
    """
    found: dict[Hit, None] = {}
    others: dict[Hit, None] = {}
    find = _others[-1]
    piece: list[str] = []
    length = 0
    for text in texts:
        if find is not None and text and not is_plain_number(text):
            others.update(dict.fromkeys(find(text[:LONGEST_TEXT])))
        if length + len(text) > _PIECE and piece:
            found.update(dict.fromkeys(_own(BETWEEN.join(piece))))
            piece, length = [], 0
        if len(text) > LONGEST_TEXT:
            for start in range(0, len(text), LONGEST_TEXT - _OVERLAP):
                found.update(dict.fromkeys(_recognised(text[start : start + LONGEST_TEXT])))
        else:
            piece.append(text)
            length += len(text) + len(BETWEEN)
    if piece:
        found.update(dict.fromkeys(_own(BETWEEN.join(piece))))
    return (*found, *(one for one in others if one not in found))


def _own(text: str) -> tuple[Hit, ...]:
    """Give what carnet's own rules find."""
    # The same names and words come again and again.
    return _recognised(text) if len(text) > _SHORT else _recognised_before(text)


@lru_cache(maxsize=8192)
def _recognised_before(text: str) -> tuple[Hit, ...]:
    return _recognised(text)


def _recognised(text: str) -> tuple[Hit, ...]:
    found = {Hit(one.data, one.rule): None for one in spans(text)}
    if Hit(DataClass("location.position"), "text:coordinates") in found:
        found.pop(Hit(DataClass("location.position"), "text:pair of coordinates"), None)
    return tuple(found)


def recognise_bytes(data: bytes) -> tuple[Hit, ...]:
    """Look through bytes to their end, as UTF-8 and, where every other byte is zero, as UTF-16."""
    hits = list(recognise_each([data.decode("utf-8", "replace")]))
    if data.count(b"\x00") > len(data) // 4:
        for hit in recognise_each([data.decode("utf-16-le", "replace")]):
            if hit not in hits:
                hits.append(hit)
    return tuple(hits)
