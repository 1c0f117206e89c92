"""The lawbook: all rules and dated parameters of all legal orders, with one digest.

The digest is the SHA-256 of the canonical list of (file path, digest of its text), sorted by path. Two
lawbooks with one digest give the same answer to the same movement. `texts` are the files themselves, so that
a dossier can carry them and repeat a judgement offline.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from carnet.errors import LawbookError
from carnet.law.compiled import OrderLaw, check_order, compile_order
from carnet.law.confirmed import CONFIRMED, Confirmation, confirm, read_confirmations, with_terms
from carnet.law.held import HeldOrder, is_held_only, read_held
from carnet.law.kept import keep, take
from carnet.law.reading import Node
from carnet.law.register import Register, read_register
from carnet.law.rules import Instrument, Parameter, Rule, read_instruments, read_parameter, read_rule
from carnet.model.canonical import digest_of, sha256_of
from carnet.model.ids import DataClass, Digest, LegalOrder
from carnet.model.vocabulary import ClassEntry, Vocabulary

COVERAGE, EDITIONS = "coverage.yaml", "editions.yaml"
_OUTSIDE = frozenset({COVERAGE, EDITIONS, "words.yaml", "wording.yaml"})
"""What explains the law and changes no answer: no part of the digest."""
COMPANY = "company"
"""The folder of a company's own rules. They are an order of their own, so that they can only tighten."""
_TIGHTENING = frozenset(
    {"determines", "requires", "offers", "satisfies", "prerequisite", "prohibits", "owes", "notes"}
)
_PERSONAL = ("always", "possible", "never")


@dataclass(frozen=True)
class Order:
    """One legal order: its index, instruments, parameters and rules."""

    code: LegalOrder
    name: str
    folder: str
    time_zone: str
    law_from: date
    default_says: str
    default_cite: str
    default_certainty: str
    reach: Node
    countries: tuple[str, ...] | str
    terms: Mapping[str, Node]
    instruments: Mapping[str, Instrument]
    parameters: Mapping[str, Parameter]
    rules: tuple[Rule, ...]
    register: Register
    classes: frozenset[str]
    fictional: bool = False
    overlay: bool = False
    read: str | None = None
    confirmations: tuple[Confirmation, ...] = ()
    _live: dict[int, OrderLaw] = field(default_factory=dict, compare=False, repr=False)
    _turns: list[date] = field(default_factory=list, compare=False, repr=False)

    def turning_days(self) -> list[date]:
        """Give every day on which something in this order changes, sorted."""
        if not self._turns:
            days = {self.law_from}
            for rule in self.rules:
                days |= {rule.start} if rule.start else set()
                days |= {rule.end + timedelta(days=1)} if rule.end else set()
            for parameter in self.parameters.values():
                days |= {value.start for value in parameter.values}
            self._turns.extend(sorted(days))
        return self._turns

    def forget(self) -> None:
        """Drop what was compiled: whoever looks at thousands of orders keeps none of them."""
        self._live.clear()

    def on(self, day: date) -> OrderLaw:
        """Give the order's law on a day; compiled once for each stretch in which nothing changes."""
        stretch = bisect.bisect_right(self.turning_days(), day)
        law = self._live.get(stretch)
        if law is None:
            law = compile_order(
                self.code,
                day,
                rules=self.rules,
                register=self.register,
                parameters=self.parameters,
                terms=self.terms,
                reach=self.reach,
                countries=self.countries,
                law_from=self.law_from,
                classes=self.classes,
            )
            self._live[stretch] = law
        return law


@dataclass(frozen=True)
class Lawbook:
    """All legal orders, the register of facts and the vocabulary, with the texts they were read from.

    Attributes:
        orders: those whose rules decide.
        held: those of which routes, clocks and fines are held and no rule decides; the judge never sees them.
        kinds: what `carnet.decide` remembers of movements that are alike but for numbers; no part of the law.
        known: the answers to them.
    """

    digest: Digest
    texts: Mapping[str, str]
    orders: Mapping[LegalOrder, Order]
    register: Register
    vocabulary: Vocabulary
    held: Mapping[LegalOrder, HeldOrder] = field(default_factory=dict)
    kinds: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    known: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    _days: dict[int, list[str]] = field(default_factory=dict, init=False, compare=False, repr=False)

    @cached_property
    def turning_days(self) -> list[date]:
        """Give every day on which something in any order changes, sorted."""
        return sorted({day for order in self.orders.values() for day in order.turning_days()})

    def stretch(self, day: date) -> tuple[int, int]:
        """Name the stretch of days that a day lies in: on all of them the law is the same, and sees the same day."""
        stretch = bisect.bisect_right(self.turning_days, day)
        days = self._days.get(stretch)
        if days is None:
            found: set[str] = set()
            for law in (order.on(day) for order in self.orders.values()):
                conditions = [law.reach, *(live.when for live in law.every)]
                leaves = [leaf for condition in conditions for leaf in condition.leaves()]
                found |= {leaf.value for leaf in leaves if leaf.fact == "date"}
            days = self._days[stretch] = sorted(found)
        return stretch, bisect.bisect_right(days, day.isoformat())

    def rule(self, name: str) -> Rule | None:
        """Give a rule by its id."""
        for order in self.orders.values():
            for rule in order.rules:
                if rule.id == name:
                    return rule
        return None

    def parameter(self, name: str) -> Parameter | None:
        """Give a parameter by its id."""
        for order in self.orders.values():
            if name in order.parameters:
                return order.parameters[name]
        return None


def lawbook_digest(texts: Mapping[str, str]) -> Digest:
    """Give the digest of a lawbook's texts."""
    return digest_of([[path, sha256_of(texts[path].encode())] for path in sorted(texts)])


def _vocabulary(text: str, source: str) -> Vocabulary:
    top = Node.of_text(text, source)
    top.keys(("vocabulary", "classes"))
    out: dict[DataClass, ClassEntry] = {}
    for path, node in top["classes"].items():
        node.keys(("personal",), ("sensitive", "identifying", "note", "about"))
        out[DataClass(path)] = ClassEntry(
            DataClass(path),
            node["personal"].word(_PERSONAL, "the word"),
            node["sensitive"].words() if "sensitive" in node else (),
            node["identifying"].words() if "identifying" in node else (),
            node["note"].text() if "note" in node else None,
        )
    return Vocabulary(out)


def _order(
    folder: str, index: Node, texts: Mapping[str, str], register: Register, vocabulary: Vocabulary
) -> Order:
    def node(name: str) -> Node:
        path = f"{folder}/{name}"
        if path not in texts:
            raise LawbookError(f"{path} is missing", remedy="an order has index, instruments and parameters")
        return Node.of_text(texts[path], f"lawbook/{path}")

    index.keys(
        ("index", "code", "name", "time_zone", "law_from", "default", "reach", "countries"),
        ("terms", "fictional", "read"),
    )
    index["default"].keys(("says", "source", "certainty"))
    instruments = read_instruments(node("instruments.yaml"))
    parameters = {
        name: read_parameter(name, one, instruments) for name, one in node("parameters.yaml").items()
    }
    source = index["default"]["source"]
    source.keys(("instrument", "article"))
    rules: list[Rule] = []
    for path in sorted(texts):
        if not path.startswith(f"{folder}/rules/"):
            continue
        top = Node.of_text(texts[path], f"lawbook/{path}")
        top.keys(("rules",))
        rules += [read_rule(one, instruments) for one in top["rules"].each()]
    confirmations = read_confirmations(node(CONFIRMED)) if f"{folder}/{CONFIRMED}" in texts else ()
    terms = {name: one.value for name, one in index["terms"].items()} if "terms" in index else {}
    read = tuple(with_terms(one, terms) for one in rules)
    marked, parameters = confirm(read, parameters, confirmations)
    countries = index["countries"]
    if folder == COMPANY:
        _check_overlay(index, marked)
    return Order(
        code=LegalOrder(index["code"].text()),
        name=index["name"].text(),
        folder=folder,
        time_zone=index["time_zone"].text(),
        law_from=index["law_from"].day(),
        default_says=index["default"]["says"].text(),
        default_cite=f"{instruments[source['instrument'].text()].short}, {source['article'].text()}",
        default_certainty=index["default"]["certainty"].certainty(),
        reach=index["reach"],
        countries=countries.text() if isinstance(countries.value, str) else countries.words(),
        terms=dict(index["terms"].items()) if "terms" in index else {},
        instruments=instruments,
        parameters=parameters,
        rules=marked,
        register=register,
        classes=frozenset(vocabulary.classes),
        fictional=index["fictional"].flag() if "fictional" in index else False,
        overlay=folder == COMPANY,
        read=_read_by(index["read"]) if "read" in index else None,
        confirmations=confirmations,
    )


def _read_by(node: Node) -> str:
    """Say who read the sources of an order, what and when."""
    node.keys(("by", "date", "what"))
    return f"{node['what'].text()}, read by {node['by'].text()} on {node['date'].day().isoformat()}"


def _check_overlay(index: Node, rules: tuple[Rule, ...]) -> None:
    """Refuse a company's order that could do anything but tighten.

    Every order answers apart and the strictest answer counts, so that rules of an order can never loosen what
    another says. What is left: an order that claims to hold a country's law, and rules that seem to permit.
    """
    if index["code"].text() != "ZZ":
        raise index["code"].error("a company's rules are no country's law", "write code: ZZ")
    if index["countries"].value != []:
        raise index["countries"].error("a company holds the law of no country", "write countries: []")
    for rule in rules:
        if rule.effect not in _TIGHTENING:
            raise LawbookError(
                f"{rule.id} {rule.effect}: a company rule may only tighten",
                where=rule.place,
                remedy=f"use one of: {', '.join(sorted(_TIGHTENING))}",
            )


def _check_rules(order: Order, vocabulary: Vocabulary, seen: dict[str, str]) -> None:
    ids = {rule.id: rule for rule in order.rules}
    for rule in order.rules:
        if rule.id in seen:
            raise LawbookError(
                f"the rule {rule.id} is there twice", where=rule.place, remedy="rename one of them"
            )
        if not rule.id.startswith(f"{order.folder}/"):
            raise LawbookError(
                f"the rule {rule.id} is not of this order",
                where=rule.place,
                remedy=f"begin its id with {order.folder}/",
            )
        seen[rule.id] = rule.place
        for name in rule.classes or ():
            if name != "*" and name not in vocabulary:
                raise LawbookError(
                    f"{name!r} is no class of data", where=rule.place, remedy="see lawbook/vocabulary.yaml"
                )
        target = rule.exception_to
        if target is not None and target not in ids:
            raise LawbookError(
                f"{rule.id} is an exception to {target}, which is not there",
                where=rule.place,
                remedy="name an existing rule of the same order",
            )
        walked = {rule.id}
        while target is not None:
            if target in walked:
                raise LawbookError("exceptions go in a circle", where=rule.place, remedy="break the circle")
            walked.add(target)
            target = ids[target].exception_to
    days = order.turning_days()
    check_order(days, order.rules, order.register, order.parameters, order.terms, order.reach)


def lawbook_from_texts(texts: Mapping[str, str]) -> Lawbook:
    """Read a lawbook from its files' texts, by path below the lawbook's folder.

    Raises:
        LawbookError: with file, line and remedy, for whatever the lawbook may not say.
    """
    for name in ("facts.yaml", "vocabulary.yaml"):
        if name not in texts:
            raise LawbookError(f"{name} is missing", remedy="a lawbook has facts.yaml and vocabulary.yaml")
    register = read_register(texts["facts.yaml"], "lawbook/facts.yaml")
    vocabulary = _vocabulary(texts["vocabulary.yaml"], "lawbook/vocabulary.yaml")
    folders = sorted({path.split("/")[0] for path in texts if path.endswith("/index.yaml")})
    orders: dict[LegalOrder, Order] = {}
    held: dict[LegalOrder, HeldOrder] = {}
    seen: dict[str, str] = {}
    for folder in folders:
        index = Node.of_text(texts[f"{folder}/index.yaml"], f"lawbook/{folder}/index.yaml")
        order = (
            read_held(index, folder, texts)
            if is_held_only(index)
            else _order(folder, index, texts, register, vocabulary)
        )
        if order.code in orders or order.code in held:
            raise LawbookError(f"the order {order.code} is there twice", remedy="keep one folder for it")
        if isinstance(order, HeldOrder):
            held[order.code] = order
        else:
            _check_rules(order, vocabulary, seen)
            orders[order.code] = order
    if not orders:
        raise LawbookError("the lawbook holds no legal order", remedy="add a folder with index.yaml")
    for one in held.values():
        if one.within is not None and one.within not in orders:
            raise LawbookError(
                f"{one.code} lies within {one.within}, which the lawbook does not hold",
                where=f"lawbook/{one.folder}/index.yaml",
                remedy="name an order whose rules decide",
            )
    return Lawbook(lawbook_digest(texts), dict(texts), orders, register, vocabulary, held)


def _files(folder: Path) -> list[tuple[str, str]]:
    """List the files that make the law: tests and the account of what is modelled change no answer."""
    out: list[tuple[str, str]] = []
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if name != "cases"]
        parts = os.path.relpath(place, folder)
        head = "" if parts == "." else f"{parts.replace(os.sep, '/')}/"
        mine = [name for name in names if name.endswith(".yaml") and name not in _OUTSIDE]
        out += [(f"{head}{name}", os.path.join(place, name)) for name in mine]  # noqa: PTH118 - a tenth of the time
    return sorted(out)


def _read_folder(folder: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, path in _files(folder):
        try:
            texts[name] = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LawbookError(
                f"the file cannot be read: {type(error).__name__}",
                where=str(path),
                remedy="make it UTF-8 text",
            ) from None
    return texts


def default_folder() -> Path:
    """Give the folder of the lawbook that is shipped: inside the package, else beside the sources."""
    packaged = Path(str(resources.files("carnet"))) / "lawbook"
    if packaged.is_dir():
        return packaged
    repository = Path(__file__).resolve().parents[3] / "lawbook"
    if repository.is_dir():
        return repository
    raise LawbookError("no lawbook is installed", remedy="name one with --lawbook")


@lru_cache(maxsize=4)
def _load(
    folder: Path, company: Path | None, stamp: tuple[tuple[str, int, int], ...], *, kept: bool
) -> Lawbook:
    del stamp
    texts = _read_folder(folder)
    if company is not None:
        if any(path.startswith(f"{COMPANY}/") for path in texts):
            raise LawbookError(
                "the lawbook holds company rules already", where=str(folder), remedy="keep one of the two"
            )
        texts |= {f"{COMPANY}/{path}": text for path, text in _read_folder(company).items()}
    if not kept:
        return lawbook_from_texts(texts)
    known = take(lawbook_digest(texts), texts)
    if known is not None:
        return known
    book = lawbook_from_texts(texts)
    keep(book)
    return book


def load_lawbook(folder: Path | None = None, company: Path | None = None, *, kept: bool = False) -> Lawbook:
    """Load a lawbook from a folder; by default the one that is shipped with carnet.

    A folder that did not change since it was read last in this process is not read again.

    Args:
        folder: the lawbook's folder.
        company: a folder with a company's own rules, which may only tighten.
        kept: take what an earlier process read and checked from the same texts, and leave it for the next
            (`carnet.law.kept`). A node never does.

    Raises:
        LawbookError: with file, line and remedy.
    """
    place = default_folder() if folder is None else folder
    places = (place,) if company is None else (place, company)
    for one in places:
        if not one.is_dir():
            raise LawbookError("there is no such folder", where=str(one), remedy="name a lawbook's folder")
    found = [(path, os.stat(path)) for one in places for _, path in _files(one)]  # noqa: PTH116 - as above
    return _load(
        place, company, tuple((path, state.st_mtime_ns, state.st_size) for path, state in found), kept=kept
    )
