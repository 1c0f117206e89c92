"""Legal orders that are held without a rule that decides: their texts, routes, clocks and fines, as data.

`index.yaml` of such an order says `modelled: false` and why. The judge treats it exactly like an order that is
not held at all: it stands under `x-not_modelled`, and nothing about it is ever permission. An order `within`
another (Germany within the Union) is decided by that one and adds only what is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from carnet.errors import LawbookError
from carnet.law.reading import Node
from carnet.law.rules import Instrument, Parameter, Rule, cite_of, read_instruments, read_parameter
from carnet.model.ids import LegalOrder

INDEX = "index.yaml"
ROUTES = "routes.yaml"
KINDS = ("route", "duty_on_every_route", "stop", "prohibition")
"""What an entry of `routes.yaml` is; only the first opens a way."""
LEVELS = ("none", "none_but_export_bar", "sectoral", "conditional", "copy_required", "hard", "public_only")
"""How far data must stay, as the fact base grades it."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that the law of an order is known to say, and from where."""

    id: str
    kind: str
    name: str
    says: str
    cite: str
    certainty: str
    note: str | None = None


@dataclass(frozen=True)
class HeldOrder:
    """A legal order without a deciding rule.

    Attributes:
        because: why nothing here decides.
        within: the order whose rules decide, where there is one.
        rules: none, so that an account of rules can be given of every order alike.
    """

    code: LegalOrder
    name: str
    folder: str
    time_zone: str
    because: str
    within: LegalOrder | None
    texts: Mapping[str, str] = field(repr=False, compare=False)
    rules: tuple[Rule, ...] = ()
    fictional: bool = False

    def _node(self, name: str) -> Node | None:
        path = f"{self.folder}/{name}"
        return Node.of_text(self.texts[path], f"lawbook/{path}") if path in self.texts else None

    @cached_property
    def instruments(self) -> Mapping[str, Instrument]:
        """Give the texts of law; read when they are asked for."""
        node = self._node("instruments.yaml")
        if node is None:
            raise LawbookError(
                f"{self.folder}/instruments.yaml is missing", remedy="every order names its texts of law"
            )
        return read_instruments(node)

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """Give the dated values; read when they are asked for."""
        node = self._node("parameters.yaml")
        if node is None:
            return {}
        return {name: read_parameter(name, one, self.instruments) for name, one in node.items()}

    @cached_property
    def routes(self) -> tuple[Told, ...]:
        """Give the ways out that the law is known to name, the place where data must stay, and consent."""
        node = self._node(ROUTES)
        return () if node is None else _routes(node, self)


def _routes(top: Node, order: HeldOrder) -> tuple[Told, ...]:
    top.keys(("routes",), ("localisation", "consent", "adequate"))
    out: dict[str, Told] = {}

    def tell(node: Node, name: str, kind: str, title: str) -> None:
        if not name.startswith(f"{order.folder}/"):
            raise node.error(f"{name!r} does not begin with the order", f"write it as {order.folder}/route/x")
        if name in out:
            raise node.error(f"{name} is there twice", "rename one of them")
        out[name] = Told(
            name,
            kind,
            title,
            node["says"].text(),
            cite_of(node["source"], order.instruments)[2],
            node["certainty"].certainty(),
            node["note"].text() if "note" in node else None,
        )

    if "localisation" in top:
        one = top["localisation"]
        one.keys(("level", "says", "source", "certainty"), ("note",))
        tell(one, f"{order.folder}/localisation", "localisation", one["level"].word(LEVELS, "the level"))
    if "consent" in top:
        one = top["consent"]
        one.keys(("says", "source", "certainty"), ("note",))
        tell(one, f"{order.folder}/consent", "consent", "consent")
    for one in top["routes"].each():
        one.keys(("id", "kind", "name", "says", "source", "certainty"), ("note",))
        tell(one, one["id"].text(), one["kind"].word(KINDS, "the kind"), one["name"].text())
    for one in top["adequate"].each() if "adequate" in top else ():
        one.keys(("id", "name", "says", "source", "certainty"), ("note",))
        tell(one, one["id"].text(), "adequate", one["name"].text())
    return tuple(out.values())


def is_held_only(index: Node) -> bool:
    """Say whether an index is that of an order without a deciding rule."""
    return "modelled" in index and index["modelled"].flag() is False


def read_held(index: Node, folder: str, texts: Mapping[str, str]) -> HeldOrder:
    """Read the index of an order without a deciding rule.

    Raises:
        LawbookError: an unknown key, or rules beside an index that says that there are none.
    """
    index.keys(("index", "code", "name", "time_zone", "modelled", "because"), ("within",))
    if any(path.startswith(f"{folder}/rules/") for path in texts):
        raise index["modelled"].error(
            "the order has rules, and its index says that none decides",
            "write default, reach, countries and law_from instead, or take the rules away",
        )
    return HeldOrder(
        LegalOrder(index["code"].text()),
        index["name"].text(),
        folder,
        index["time_zone"].text(),
        index["because"].text(),
        LegalOrder(index["within"].text()) if "within" in index else None,
        texts,
    )
