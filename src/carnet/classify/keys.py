"""Judges object keys by their names alone, a block of some ten thousand at a time.

Fifty million keys are a few hundred kinds of key: `vin={vin}/date=#-#-#/cam_#.jpg`. Runs of digits, hexadecimal
numbers, UUID and what identifies are replaced, and a kind is judged once. Whether something identifies is asked of
every key: VIN-shaped runs all have their check digit computed (NumPy, `recognise.text` for those that need a word
beside them); every other recogniser has a pattern below that whatever it finds must match, which RE2 looks for in a
whole block, and the keys that match go through the recogniser itself. Base 64 in a key is found where it hides ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from carnet.recognise.names import class_of_name, words
from carnet.recognise.text import find_vins, spans

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

# What every find of a recogniser matches, and few other keys: RE2 looks for these in whole blocks.
_NECESSARY = (
    "@",
    r"[\x{FF10}-\x{FF5A}]",
    r"(^|[^0-9])(86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}($|[^0-9])",
    r"\+[1-9][0-9]{0,2}[ /-]?(\([0-9]{1,4}\)[ /-]?)?([0-9][ /-]?){6}",
    r"\([2-9][0-9]{2}\) ?[2-9]|0[789]0-[0-9]{4}-[0-9]{4}",
    r"[0-9]{6}[12][09][0-9]{2}[01][0-9][0-3][0-9]{4}[0-9Xx]",
    r"([0-9A-Fa-f]{2}:){5}",
    r"-[A-Z]{1,2} [1-9]|(?i:imei)",
    r"(?i:plate|registration|kennzeichen|immatriculation|车牌|車牌|ナンバー)",
    rf"[{PROVINCES}][A-HJ-NP-Z]|[\x{{3041}}-\x{{3093}}] ?([0-9]{{2}}-[0-9]|[・.])",
    (
        "(?i:(driver|owner|passenger|customer|fahrer|fahrerin|halter|halterin|kunde|kundin|conducteur|titulaire)"
        "([ _-]?name)?|车主|驾驶员|司机|乘客|姓名|氏名|運転者)[\"']?\\s{0,2}[:=：]"
    ),
    r"(^|[^A-Za-z0-9])[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}",
    r"[+-][0-9]{2,6}\.[0-9]{3,}[+-][0-9]|\$(G[A-Z]|BD|QZ|II|PUBX)",
    r"(?i:latitude|longitude|breite|länge|laenge|[纬緯经經経]度|lat|lon|lng)[^\w]{0,4}[+-]?[0-9]{1,3}[.,][0-9]{3}",
    r"\.[0-9]{4,}(\s*[,;]\s*|\s+)[+-]?[0-9]{1,3}\.[0-9]{4}",
    r"([2-7][0-9A-Fa-f]){8}|([2-7][0-9A-Fa-f]00){4}",
    r"([I-Za-f][C-HS-Xi-ny-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]){4}",
)

_VIN, _HEX, _ID, _UUID = 1, 2, 3, 4
_SHOWN = {_VIN: "{vin}", _HEX: "{hex}", _ID: "{id}", _UUID: "{uuid}"}
_VIN_HIT = ("vehicle_id.vin", "text:vin")
_UNWANTED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ue000-\uf8ff]")
_MARKS = 0xE000
"""Marks of other finds are letters of the private use area, which no key keeps."""

_BEFORE, _VIN_LENGTH = 24, 17
_VIN_VALUES = np.full(256, -1, np.int16)
for _sign, _value in zip(
    "0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
    (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)),
    strict=True,
):
    _VIN_VALUES[ord(_sign)] = _VIN_VALUES[ord(_sign.lower())] = _value
_VIN_WEIGHTS = np.array((8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2), np.int16)

_KIND = np.zeros(256, np.uint8)
_KIND[48:58] = 1
_KIND[65:91] = _KIND[97:123] = 2
_IS_HEX = np.zeros(256, np.bool_)
for _sign in "0123456789abcdefABCDEF":
    _IS_HEX[ord(_sign)] = True

_SHORTEST_HEX, _SHORTEST_ID, _FEWEST_DIGITS, _FEWEST_TURNS = 8, 10, 3, 4
_UUID_LENGTHS = (8, 4, 4, 4, 12)
_LONGEST_KEY = 1024
_MOST_REMEMBERED = 100_000

_VALUE = re.compile(r"(?P<name>[^/={}]{1,64})=(?P<value>[^/]*)")
# A folder of people: what stands under it names one.
_PEOPLE = re.compile(
    r" (?:users?|drivers?|customers?|owners?|persons?|people|employees?|testers?|fahrer|halter|kunden|用户|车主) "
)
_WITHHELD = ("identity.", "vehicle_id.", "biometric.")

_remembered: dict[bytes, bool] = {}


@dataclass(frozen=True, slots=True)
class KeyKind:
    """Keys of one kind in a block.

    Attributes:
        key: the kind: what varies or identifies is replaced by `#`, `{hex}`, `{uuid}`, `{id}`, `{value}` and the
            names of rules such as `{vin}`.
        found: (class, rule) of what identifies in every one of these keys.
        count: how many there are.
        bytes: their lengths together; those without one count as 0.
        largest: the length of the largest, in bytes.
    """

    key: str
    found: tuple[tuple[str, str], ...]
    count: int
    bytes: int
    largest: int


def kinds_of_keys(keys: Any, sizes: Any) -> list[KeyKind]:
    """Give the kinds of a block of keys.

    Args:
        keys: a pyarrow array of strings; one that is null is left out.
        sizes: a pyarrow array of int64 of the same length, in bytes; null where it is not known.
    """
    marks: dict[str, tuple[str, str]] = {}
    keys = pc.replace_substring_regex(keys, r"[\x00-\x1f\x7f\x{E000}-\x{F8FF}]", "?")
    keys = _mark_finds(keys, marks)
    table = pa.table({"kind": _shapes(keys), "size": sizes})
    grouped = table.group_by("kind", use_threads=False).aggregate(
        [("size", "count"), ("kind", "count"), ("size", "sum"), ("size", "max")]
    )
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[int]] = {}
    columns = (grouped[name].to_pylist() for name in ("kind", "kind_count", "size_sum", "size_max"))
    for kind, count, total, largest in zip(*columns, strict=True):
        if kind is None:
            continue
        one = found.setdefault(_readable(kind[:-1].decode("utf-8", "replace"), marks), [0, 0, 0])
        one[0] += count
        one[1] += total or 0
        one[2] = max(one[2], largest or 0)
    return [KeyKind(key, hits, *numbers) for (key, hits), numbers in found.items()]


def shown_key(key: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Give one key with what identifies replaced, and (class, rule) of what was found; its numbers stay."""
    known: dict[tuple[str, str], str] = {}
    marked = _marked(_UNWANTED.sub("?", key), known)
    return _readable(marked, {mark: hit for hit, mark in known.items() if hit != _VIN_HIT})


def _mark_finds(keys: Any, marks: dict[str, tuple[str, str]]) -> Any:
    """Replace what recognisers find by a mark each; a VIN alone is left to `_shapes`."""
    plain = pc.replace_substring(keys, "/", " ")
    doubtful = None
    for pattern in _NECESSARY:
        mask = pc.match_substring_regex(plain, pattern)
        doubtful = mask if doubtful is None else pc.or_(doubtful, mask)
    doubtful = pc.fill_null(doubtful, fill_value=False)
    if not pc.any(doubtful).as_py():
        return keys
    known: dict[tuple[str, str], str] = {}
    marked = [_marked(key, known) for key in keys.filter(doubtful).to_pylist()]
    marks |= {mark: hit for hit, mark in known.items()}
    return pc.replace_with_mask(keys, doubtful, pa.array(marked, pa.string()))


def _marked(key: str, known: dict[tuple[str, str], str]) -> str:
    key = key[:_LONGEST_KEY]
    parts: list[str] = []
    end = 0
    for one in sorted(spans(key.replace("/", " ")), key=lambda span: (span.start, -span.end)):
        hit = (str(one.data), one.rule)
        mark = known.setdefault(hit, chr(_MARKS + min(len(known), 6000)))
        if hit == _VIN_HIT:
            mark = chr(_VIN)
        if one.start >= end:
            parts += [key[end : one.start], mark]
        elif mark not in parts:
            parts.append(mark)
        end = max(end, one.end)
    return "".join((*parts, key[end:]))


def _shapes(keys: Any) -> Any:
    """Give of each key, with a newline behind it, its kind in bytes."""
    joined = pc.binary_join_element_wise(keys, "", "\n", null_handling="emit_null")
    lost = joined.null_count
    if lost:
        joined = pc.fill_null(joined, "\n")
    joined = joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
    offsets = np.frombuffer(joined.buffers()[1], np.int32)[joined.offset : joined.offset + len(joined) + 1]
    if not len(joined):
        return pa.array([], pa.binary())
    data = np.frombuffer(joined.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    kept = _kinds(np.concatenate([np.full(_BEFORE + 1, 10, np.uint8), data]))[_BEFORE + 1 :]
    ends = np.concatenate([[0], np.flatnonzero(kept == 10) + 1]).astype(np.int32)  # noqa: PLR2004 -- newline
    shapes = pa.Array.from_buffers(
        pa.binary(), len(ends) - 1, [None, pa.py_buffer(ends), pa.py_buffer(kept.tobytes())]
    )
    return pc.if_else(pc.is_null(keys), pa.scalar(None, pa.binary()), shapes) if lost else shapes


def _kinds(data: NDArray[Any]) -> NDArray[Any]:
    """Replace runs in bytes of keys with a newline between them; newlines stay."""
    kind = _KIND[data]
    edges = np.diff((kind > 0).view(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    lengths = ends - starts
    digit = kind == 1
    digits = _within(digit, starts, ends)
    hexes = _within(_IS_HEX[data], starts, ends)
    turns = _within(np.concatenate([[False], kind[1:] != kind[:-1]]), starts + 1, ends)
    mixed = (digits > 0) & (digits < lengths)
    code = np.zeros(len(starts), np.uint8)
    code[mixed & (lengths >= _SHORTEST_ID) & (digits >= _FEWEST_DIGITS) & (turns >= _FEWEST_TURNS)] = _ID
    code[mixed & (lengths >= _SHORTEST_HEX) & (hexes == lengths)] = _HEX
    vins = np.flatnonzero(mixed & (lengths == _VIN_LENGTH))
    if len(vins):
        code[vins] = _ID
        code[vins[_are_vins(data, starts[vins])]] = _VIN
    stops = ends.copy()
    for at in _uuids(data, starts, ends, lengths, hexes):
        code[at : at + 5], stops[at : at + 4] = 0, 0
        code[at], stops[at] = _UUID, ends[at + 4]
    chosen = code > 0
    inside = np.zeros(len(data) + 1, np.int8)
    inside[starts[chosen] + 1] += 1
    inside[stops[chosen]] -= 1
    drop = np.cumsum(inside[:-1], dtype=np.int8).view(np.bool_)
    drop[1:] |= digit[1:] & digit[:-1]
    out = np.where(digit, np.uint8(ord("#")), data)
    out[starts[chosen]] = code[chosen]
    return out[~drop]


def _within(true: NDArray[Any], starts: NDArray[Any], ends: NDArray[Any]) -> NDArray[Any]:
    """Count what is true between starts and ends."""
    total = np.concatenate([[0], np.cumsum(true, dtype=np.int32)])
    return np.asarray(total[ends] - total[np.minimum(starts, ends)])


def _uuids(
    data: NDArray[Any], starts: NDArray[Any], ends: NDArray[Any], lengths: NDArray[Any], hexes: NDArray[Any]
) -> NDArray[Any]:
    """Give the first run of each UUID (RFC 9562: 8-4-4-4-12 hexadecimal digits)."""
    last = len(starts) - 4
    if last <= 0:
        return np.empty(0, np.intp)
    good = np.ones(last, np.bool_)
    for place, length in enumerate(_UUID_LENGTHS):
        good &= (lengths[place : place + last] == length) & (hexes[place : place + last] == length)
        if place:
            good &= (starts[place : place + last] == ends[place - 1 : place - 1 + last] + 1) & (
                data[ends[place - 1 : place - 1 + last]] == ord("-")
            )
    return np.flatnonzero(good)


def _are_vins(data: NDArray[Any], starts: NDArray[Any]) -> NDArray[Any]:
    """Say of runs of seventeen letters and digits whether `recognise.text` would take them for a VIN."""
    runs = data[starts[:, None] + np.arange(_VIN_LENGTH)]
    upper = runs & np.where(runs >= ord("a"), 0xDF, 0xFF).astype(np.uint8)
    values = _VIN_VALUES[runs]
    possible = (values >= 0).all(axis=1)
    capital = ((runs >= ord("A")) & (runs <= ord("Z"))).any(axis=1)
    possible &= ~(capital & (runs >= ord("a")).any(axis=1))
    rest = (values * _VIN_WEIGHTS).sum(axis=1) % 11
    ninth = upper[:, 8]
    holds = np.where(rest == 10, ninth == ord("X"), ninth == rest + ord("0"))  # noqa: PLR2004 -- ten is X
    sure = possible & holds & (upper > ord("F")).any(axis=1)
    open_ = np.flatnonzero(possible & ~sure)
    if len(open_):
        context = data[starts[open_][:, None] + np.arange(-_BEFORE - 1, _VIN_LENGTH)]
        rows, back = np.unique(
            np.ascontiguousarray(context).view(f"V{context.shape[1]}").ravel(), return_inverse=True
        )
        sure[open_] = np.array([_is_vin(row.tobytes()) for row in rows], np.bool_)[back]
    return np.asarray(sure)


def _is_vin(context: bytes) -> bool:
    known = _remembered.get(context)
    if known is None:
        text = context.rpartition(b"\n")[2].decode("utf-8", "replace").replace("/", " ")
        known = bool(find_vins(text)) and text[-_VIN_LENGTH:].upper() in find_vins(text)
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[context] = known
    return known


def _readable(kind: str, marks: dict[str, tuple[str, str]]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Give a kind as text, and what was found; values are withheld where the name before them says a person."""
    found: dict[tuple[str, str], None] = {}
    if chr(_VIN) in kind:
        found["vehicle_id.vin", "text:vin"] = None
    for code, shown in _SHOWN.items():
        kind = kind.replace(chr(code), shown)
    for mark, hit in marks.items():
        if mark in kind:
            found[hit] = None
            kind = kind.replace(mark, "{" + hit[1].removeprefix("text:") + "}")
    segments = kind.split("/")
    kind = "/".join(_segments(segments, found))
    return kind, tuple(sorted(found))


def _segments(segments: list[str], found: dict[tuple[str, str], None]) -> Iterator[str]:
    before = ""
    for place, segment in enumerate(segments):
        match = _VALUE.fullmatch(segment)
        shown = segment
        if match is not None:
            told = class_of_name(match["name"], of="partition")
            if told is not None and told.data.startswith(_WITHHELD):
                found[str(told.data), told.rule] = None
                shown = f"{match['name']}={{{'vin' if match['value'] == '{vin}' else 'value'}}}"
            elif _PEOPLE.search(words(match["name"])):
                found["identity.account", "partition:people"] = None
                shown = f"{match['name']}={{value}}"
        elif place + 1 < len(segments) and _PEOPLE.fullmatch(words(before)) and segment:
            found["identity.account", "folder:people"] = None
            shown = "{value}"
        before = segment
        yield shown
