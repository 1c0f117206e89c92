"""Finds what identifies somebody in text: vehicle numbers, plates, mails, telephones, identity cards, places.

A recogniser with a checksum is believed; one without needs a form that little else has, or a word beside it.
VIN: ISO 3779 with the check digit of 49 CFR 565.15 and GB 16735 (weights 8 7 6 5 4 3 2 10 0 9 ... 2, modulo
11, ten is X); makers in Europe and parts of Asia do not set it, so there the maker's region and a serial are
asked for instead.
Chinese identity number: GB 11643. IMEI: Luhn's digit (3GPP TS 23.003, annex B). Chinese plates: GA 36.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from carnet.model.ids import DataClass

LONGEST_TEXT = 1024 * 1024

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
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])")
_MOBILE_CN = re.compile(r"(?<![\dA-Za-z.+])(?:\+?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?![\dA-Za-z.])")
_PHONE = re.compile(
    r"(?<![\dA-Za-z+.])\+[1-9]\d{0,2}[ /-]?(?:\(\d{1,4}\)[ /-]?)?\d(?:[ /-]?\d){6,11}(?![\dA-Za-z])"
)
_IDENTITY_CN = re.compile(r"(?<!\d)\d{17}[\dXx](?![\dA-Za-z])")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_BIRTHDAY = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_IMEI = re.compile(r"(?<!\d)\d{15}(?!\d)")
_IMEI_WORD = re.compile(r"imei", re.IGNORECASE)
_MAC = re.compile(r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])")
_ISO6709 = re.compile(r"(?<![\d.])[+-]\d{2}(?:\d{2}){0,2}\.\d{3,}[+-]\d{3}(?:\d{2}){0,2}\.\d{3,}")
_PAIR = re.compile(r"(?<![\d.])([+-]?\d{1,2}\.\d{4,})\s*[,; ]\s*([+-]?\d{1,3}\.\d{4,})(?![\d.])")
_LATITUDE = re.compile(
    r"(?:latitude|breite|纬度|緯度|(?<![a-z])lat(?![a-z]))\W{0,4}[+-]?\d{1,2}[.,]\d{3,}", re.IGNORECASE
)
_NMEA = re.compile(r"\$G[A-Z](?:GGA|RMC|GLL|GNS),")
_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0


@dataclass(frozen=True, slots=True)
class Hit:
    """What a recogniser found: the class, and the rule; never the value."""

    data: DataClass
    rule: str


def vin_check_digit_holds(vin: str) -> bool:
    """Say whether position 9 of a VIN is its check digit; False for anything that is no VIN."""
    text = vin.upper()
    if len(text) != len(_VIN_WEIGHTS) or any(sign not in _VIN_VALUES for sign in text):
        return False
    total = sum(_VIN_VALUES[sign] * weight for sign, weight in zip(text, _VIN_WEIGHTS, strict=True))
    return text[8] == "0123456789X"[total % 11]


def find_vins(text: str) -> tuple[str, ...]:
    """Give every VIN of a text in capitals: by check digit, or by a word beside it and its form."""
    found = []
    for match in _VIN.finditer(text):
        token = match.group()
        if token not in {token.upper(), token.lower()} or token.isalpha() or token.isdigit():
            continue
        named = _VIN_WORD.search(text, max(0, match.start() - 24), match.start()) is not None
        letters = sum(sign.isalpha() for sign in token)
        # One hexadecimal number in eleven has a check digit by chance; a VIN's letters go beyond F.
        beyond = any(sign > "F" for sign in token.upper() if sign.isalpha())
        shaped = token.isupper() and _UNCHECKED.fullmatch(token) is not None and letters >= _FEWEST_LETTERS
        if named or (beyond and (vin_check_digit_holds(token) or shaped)):
            found.append(token.upper())
    return tuple(found)


def _identity_cn(token: str) -> bool:
    total = sum(int(sign) * weight for sign, weight in zip(token[:17], _IDENTITY_WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == token[17].upper() and _BIRTHDAY.match(token, 6) is not None


def _luhn(token: str) -> bool:
    total = 0
    for place, sign in enumerate(reversed(token)):
        total += sum(divmod(int(sign) * (2 if place % 2 else 1), 10))
    return total % 10 == 0


def recognise(text: str) -> tuple[Hit, ...]:
    """Give each class of identifying data in a text once, with the rule that found it.

    Args:
        text: any text; only its first `LONGEST_TEXT` characters are looked at.
    """
    text = text[:LONGEST_TEXT]
    hits: list[Hit] = []

    def put(data: str, rule: str) -> None:
        hit = Hit(DataClass(data), f"text:{rule}")
        if hit not in hits:
            hits.append(hit)

    if find_vins(text):
        put("vehicle_id.vin", "vin")
    if _PLATE.search(text):
        put("vehicle_id.plate", "plate_cn")
    if _MAIL.search(text):
        put("identity.contact", "mail")
    if any(_identity_cn(match.group()) for match in _IDENTITY_CN.finditer(text)):
        put("identity.government", "identity_card_cn")
    if _MOBILE_CN.search(text) or _PHONE.search(text):
        put("identity.contact", "telephone")
    if _IMEI_WORD.search(text) and any(_luhn(match.group()) for match in _IMEI.finditer(text)):
        put("vehicle_id.device", "imei")
    if _MAC.search(text):
        put("vehicle_id.device", "mac")
    if _ISO6709.search(text) or _NMEA.search(text) or _LATITUDE.search(text):
        put("location.position", "coordinates")
    elif any(
        abs(float(match.group(1))) <= _MOST_LATITUDE and abs(float(match.group(2))) <= _MOST_LONGITUDE
        for match in _PAIR.finditer(text)
    ):
        put("location.position", "pair of coordinates")
    return tuple(hits)


def recognise_bytes(data: bytes) -> tuple[Hit, ...]:
    """Look through bytes as UTF-8 and, where every other byte is zero, as UTF-16."""
    hits = list(recognise(data[:LONGEST_TEXT].decode("utf-8", "replace")))
    if data.count(b"\x00") > len(data) // 4:
        for hit in recognise(data[:LONGEST_TEXT].decode("utf-16-le", "replace")):
            if hit not in hits:
                hits.append(hit)
    return tuple(hits)
