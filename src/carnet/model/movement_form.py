"""The public form of a movement, read and written by one table.

The table follows `movement.schema.json` key by key; a test holds the two together.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from carnet.errors import MovementError
from carnet.model import movement as m
from carnet.model.countries import COUNTRIES
from carnet.model.yaml12 import Document, read_yaml

_DATA_CLASS = re.compile(r"[a-z_]+(\.[a-z_]+)*")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LARGEST = 10**15
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FACT_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")

Read = Callable[[Any, str, Document], Any]


def _refuse(doc: Document, path: str, what: str, remedy: str) -> MovementError:
    return MovementError(what, where=doc.where(path), remedy=remedy)


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list | tuple) else "a mapping"


def _text(value: Any, path: str, doc: Document) -> str:
    if not isinstance(value, str):
        raise _refuse(doc, path, f"text is wanted, {_kind_of(value)} was given", "quote the value")
    if _CONTROL.search(value):  # it would reach the terminal of whoever reads the decision
        raise _refuse(doc, path, "the text holds a control character", "write it without")
    return value


def _exact(value: float, path: str, doc: Document) -> None:
    if value > _LARGEST:  # sums of such numbers are not exact, and no law counts so far
        raise _refuse(doc, path, "the number is too large", "the largest is 10^15")


def _flag(value: Any, path: str, doc: Document) -> bool:
    if not isinstance(value, bool):
        raise _refuse(doc, path, f"true or false is wanted, {_kind_of(value)} was given", "say true or false")
    return value


def _count(value: Any, path: str, doc: Document) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refuse(doc, path, f"a whole number is wanted, {_kind_of(value)} was given", "give a number")
    if value < 0:
        raise _refuse(doc, path, "the number is below zero", "a count starts at 0")
    _exact(value, path, doc)
    return value


def _amount(value: Any, path: str, doc: Document) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refuse(doc, path, f"a number is wanted, {_kind_of(value)} was given", "give a number")
    if value < 0:
        raise _refuse(doc, path, "the number is below zero", "an amount starts at 0")
    _exact(value, path, doc)
    return value


def _day(value: Any, path: str, doc: Document) -> date:
    text = _text(value, path, doc)
    try:
        if not _ISO_DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise _refuse(doc, path, "this is no day", "write it as 2026-08-01") from None


def _one_of(names: tuple[str, ...] | frozenset[str], noun: str) -> Read:
    def read(value: Any, path: str, doc: Document) -> str:
        text = _text(value, path, doc)
        if text not in names:
            near = difflib.get_close_matches(text, sorted(names), n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(sorted(names)[:20])}"
            raise _refuse(doc, path, f"{noun} {text!r} is not known", hint)
        return text

    return read


_country = _one_of(COUNTRIES, "the country")


def _listed(read_one: Read) -> Read:
    def read(value: Any, path: str, doc: Document) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _refuse(doc, path, f"a list is wanted, {_kind_of(value)} was given", "write it as [a, b]")
        return tuple(read_one(one, f"{path}[{number}]", doc) for number, one in enumerate(value))

    return read


def _data_class(value: Any, path: str, doc: Document) -> str:
    text = _text(value, path, doc)
    if not _DATA_CLASS.fullmatch(text):
        raise _refuse(doc, path, "this is no class of data", "name one of the vocabulary: image.exterior")
    return text


def _zone(value: Any, path: str, doc: Document) -> str:
    return m.NO_ZONE if value is None else _text(value, path, doc)


def _text_or_null(value: Any, path: str, doc: Document) -> str | None:
    return None if value is None else _text(value, path, doc)


def _facts(value: Any, path: str, doc: Document) -> dict[str, m.FactValue]:
    if not isinstance(value, Mapping):
        raise _refuse(doc, path, f"a mapping is wanted, {_kind_of(value)} was given", "write name: value")
    out: dict[str, m.FactValue] = {}
    for name, one in value.items():
        here = f"{path}.{name}"
        if not isinstance(name, str) or not _FACT_NAME.fullmatch(name):
            raise _refuse(doc, here, "this is no name of a fact", "use a registered name")
        if isinstance(one, list | tuple):
            out[name] = tuple(_text(item, f"{here}[{number}]", doc) for number, item in enumerate(one))
        elif isinstance(one, bool | int | float | str):
            if isinstance(one, str):
                _text(one, here, doc)
            else:
                _exact(one, here, doc)
            out[name] = one
        else:
            raise _refuse(
                doc, here, f"a value is wanted, {_kind_of(one)} was given", "leave unknown facts out"
            )
    return out


class Form:
    """One level of the document: its fields, which of them must stand, and the value they make."""

    def __init__(self, make: Callable[..., Any], need: tuple[str, ...], /, **fields: Read) -> None:
        self.make = make
        self.need = tuple(name.rstrip("_") for name in need)
        self.fields = {name.rstrip("_"): read for name, read in fields.items()}

    def __call__(self, value: Any, path: str, doc: Document) -> Any:
        """Read one mapping; refuses what the table does not name."""
        if not isinstance(value, Mapping):
            raise _refuse(doc, path, f"a mapping is wanted, {_kind_of(value)} was given", "write name: value")
        got: dict[str, Any] = {}
        extensions: dict[str, Any] = {}
        for key, one in value.items():
            below = f"{path}.{key}" if path else str(key)
            if isinstance(key, str) and key.startswith("x-"):
                extensions[key] = one
                continue
            read = self.fields.get(key)
            if read is None:
                near = difflib.get_close_matches(str(key), list(self.fields), n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(self.fields))}"
                raise _refuse(doc, below, f"the field {key!r} is not known", hint)
            got[_PYTHON_NAME.get(str(key), str(key))] = read(one, below, doc)
        for name in self.need:
            if name not in value:
                raise _refuse(doc, path, f"the field {name!r} is missing", f"add {name}")
        return self.make(**got, extensions=extensions)


_PYTHON_NAME = {"from": "from_day", "to": "to_day"}
_DOCUMENT_NAME = {python: name for name, python in _PYTHON_NAME.items()}

_coverage = Form(m.Coverage, (), recipient=_text, purpose=_text, data=_listed(_text))
_safeguard = Form(
    m.Safeguard,
    ("kind",),
    kind=_one_of(m.SAFEGUARDS, "the safeguard"),
    passed=_day,
    until=_day,
    reference=_text,
    outcome=_one_of(m.OUTCOMES, "the outcome"),
    covers=_coverage,
    authority=_text,
    subject=_text_or_null,
)
_exporter = Form(
    m.Exporter,
    ("established_in",),
    id=_text,
    name=_text,
    established_in=_country,
    roles=_listed(_one_of(m.ROLES, "the role")),
    critical_infrastructure=_flag,
    free_trade_zone=_zone,
    relation=_one_of(("data_subject",), "the exporter's relation"),
    facts=_facts,
)
_recipient = Form(
    m.Recipient,
    ("established_in",),
    id=_text,
    name=_text,
    established_in=_country,
    located_in=_country,
    relation=_one_of(m.RELATIONS, "the relation"),
    owned_from=_listed(_country),
    certified_under=_listed(_text),
    facts=_facts,
)
_made_by = Form(m.MadeBy, (), established_in=_country, owned_from=_listed(_country))
_content = Form(
    m.Content,
    ("name", "data"),
    name=_text,
    data=_data_class,
    about=_listed(_country),
    persons=_count,
    persons_new_this_year=_count,
    vehicles=_count,
    removed=_listed(_one_of(m.PARTS, "the part")),
    replaced=_listed(_one_of(m.PARTS, "the part")),
    made_by=_made_by,
    facts=_facts,
)
_history = Form(
    m.HistoryEntry,
    ("from", "to", "measure", "value"),
    from_=_day,
    to=_day,
    measure=_one_of(m.MEASURES, "the measure"),
    value=_amount,
    recipient=_text,
)


def _contents(value: Any, path: str, doc: Document) -> tuple[m.Content, ...]:
    contents: tuple[m.Content, ...] = _listed(_content)(value, path, doc)
    if not contents:
        raise _refuse(doc, path, "there are no contents", "name at least one kind of data that goes")
    names: set[str] = set()
    for number, content in enumerate(contents):
        if content.name in names:
            here = f"{path}[{number}].name"
            raise _refuse(doc, here, "two contents have this name", "give each content a name of its own")
        names.add(content.name)
    return contents


def _make_movement(movement: str, **got: Any) -> m.Movement:
    del movement
    return m.Movement(**got)


_movement = Form(
    _make_movement,
    ("movement", "origin", "destination", "exporter", "recipient", "activity", "contents"),
    movement=_one_of(("v1",), "the version"),
    title=_text,
    date=_day,
    origin=_country,
    held_in=_country,
    destination=_country,
    mode=_one_of(m.MODES, "the mode"),
    exporter=_exporter,
    recipient=_recipient,
    activity=_one_of(m.ACTIVITIES, "the activity"),
    purpose=_text,
    agreement=_one_of(m.AGREEMENTS, "the agreement"),
    basis=_listed(_one_of(m.BASES, "the basis")),
    safeguards=_listed(_safeguard),
    year_to_date=Form(m.YearToDate, (), persons=_count, persons_sensitive=_count),
    totals=Form(m.Totals, (), persons=_count, persons_sensitive=_count, devices=_count),
    history=_listed(_history),
    facts=_facts,
    contents=_contents,
)


def movement_from(value: str | Mapping[str, Any], *, source: str, today: date | None) -> m.Movement:
    """Read a document or its mapping; see `carnet.model.movement.parse_movement`."""
    doc = read_yaml(value, source) if isinstance(value, str) else Document(dict(value), source)
    if not isinstance(doc.value, Mapping):
        raise _refuse(doc, "", "a movement is a mapping", "begin with `movement: v1`")
    movement: m.Movement = _movement(doc.value, "", doc)
    return replace(movement, date=movement.date or today, source=source, lines=doc.lines)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return _level(value)
    return value


def _level(value: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in value.__dataclass_fields__:
        one = getattr(value, name)
        if name in {"source", "lines"} and isinstance(value, m.Movement):
            continue
        if name == "extensions":
            out.update(one)
        elif name == "facts":
            if one:
                out["facts"] = {fact: _plain(given) for fact, given in one.items()}
        elif name == "free_trade_zone" and one == m.NO_ZONE:
            out[name] = None
        elif one is not None:
            out[_DOCUMENT_NAME.get(name, name)] = _plain(one)
    return out


def movement_to_mapping(movement: m.Movement) -> dict[str, Any]:
    """Give the document form of a movement."""
    return {"movement": "v1", **_level(movement)}
