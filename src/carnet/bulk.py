"""decide_many(frame, columns, lawbook): the judge's answers for many contents at once, row by row the same.

One movement is the frame: parties, places, purpose, safeguards. Each row is one content that would go in it:
a class of data, counts, registered facts. Rows that no rule can tell apart are judged once.

A rule sees a number only where it is compared: as it is, added to what was sent before, or held against what
else is given. So the line of numbers falls into cells, cut at every number that the law names, less what the
frame adds; within a cell every comparison has one truth, and so has the answer. Everything else counts as it
is. Two rows with equal cells get one answer, and the judge itself gives it: unknown facts are enumerated as
always. That is why this is exact, whatever a rule says.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from carnet.decide import decide
from carnet.errors import InputError, MovementError
from carnet.law.compiled import LiveRule, OrderLaw
from carnet.law.conditions import EVERYTHING
from carnet.law.lawbook import Lawbook
from carnet.law.reaching import Reaching
from carnet.law.situation import situation
from carnet.model.decision import Decision
from carnet.model.ids import DataClass
from carnet.model.movement import Content, Movement
from carnet.model.vocabulary import UNKNOWN_CLASS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIELDS = ("persons", "persons_new_this_year", "vehicles")
"""Columns that are fields of a content; `data` is its class, and every other column is a registered fact."""

NAME = "content"
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Named:
    """A column of names, each row the number of one of them; -1 is unknown."""

    names: tuple[Any, ...]
    codes: NDArray[np.signedinteger[Any]]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> Any:
        code = int(self.codes[row])
        return None if code < 0 else self.names[code]


Column: TypeAlias = "Sequence[Any] | Named | np.ndarray[Any, Any]"


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to many rows.

    Attributes:
        decisions: one for each group of rows that no rule can tell apart, without findings.
        group: for each row, the number of its decision.
    """

    decisions: tuple[Decision, ...]
    group: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.group)

    def __getitem__(self, row: int) -> Decision:
        return self.decisions[int(self.group[row])]


def decide_many(frame: Movement, columns: Mapping[str, Column], lawbook: Lawbook) -> Answers:
    """Judge many contents, each as the only one of a movement.

    Args:
        frame: the movement; its own contents are put aside.
        columns: by name, one value for each row: `data`, `persons`, `persons_new_this_year`, `vehicles`, or a
            registered fact of contents. A column is a list, in which `None` is unknown; a numpy array, in which
            NaN and what is masked is unknown; or `Named`.
        lawbook: the law to apply.

    Raises:
        InputError: no column `data`, columns of different length, a column that is no fact of contents.
        MovementError: as `decide`.
    """
    import numpy as np

    rows = _check(columns, lawbook)
    if not rows:
        return Answers((), np.zeros(0, dtype=np.intp))
    ready = {name: _ready(name, values, lawbook) for name, values in columns.items()}
    law = _law(frame, lawbook)
    group = np.zeros(rows, dtype=np.intp)
    decisions: list[Decision] = []
    classes, which = _classes(columns["data"])
    with _no_collection():
        _judge_all(frame, columns, lawbook, law, ready, (classes, which), group, decisions)
    return Answers(tuple(decisions), group)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the collector of cycles back: it would walk thousands of answers, of which none is in a cycle."""
    held = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if held:
            gc.enable()


def _judge_all(
    frame: Movement,
    columns: Mapping[str, Column],
    lawbook: Lawbook,
    law: _Law,
    ready: Mapping[str, _Ready],
    of: tuple[tuple[str, ...], NDArray[np.int64]],
    group: NDArray[np.intp],
    decisions: list[Decision],
) -> None:
    """Number the group of each row, and judge each group once."""
    import numpy as np

    for number, data in enumerate(of[0]):
        mine = np.flatnonzero(of[1] == number)
        if not len(mine):
            continue
        cuts = _cuts(frame, data, law, lawbook)
        codes, size = np.zeros(len(mine), dtype=np.int64), 1
        for name, column in ready.items():
            if name == "data" or name not in cuts:
                continue
            cells, many = _cells(column, mine, np.array(sorted(cuts[name]), dtype=np.float64))
            if size * many > _MOST:
                codes, size = _dense(codes)
            codes, size = codes * many + cells, size * many
        wrong = _too_many_new(ready, mine)
        if wrong is not None:
            codes, size = codes * 2 + wrong, size * 2
        codes, size = _dense(codes)
        first = np.zeros(size, dtype=np.intp)
        # Written from the last row to the first, so that what stays is the first row of each group.
        first[codes[::-1]] = mine[::-1]
        group[mine] = codes + len(decisions)
        chosen = {name: _chosen(values, first) for name, values in columns.items()}
        for values in zip(*chosen.values(), strict=True):
            asked = _movement(frame, dict(zip(chosen, values, strict=True)), lawbook)
            decisions.append(decide(asked, lawbook, explain=False))


def _too_many_new(ready: Mapping[str, _Ready], rows: NDArray[np.intp]) -> NDArray[np.bool_] | None:
    """Say of which rows more persons are new than they are about: such a row contradicts itself."""
    many, new = (ready[name].numbers if name in ready else None for name in FIELDS[:2])
    return None if many is None or new is None else new[rows] > many[rows]


_MOST = 2**61
_TABLE = 1 << 24
"""Codes below this are made dense by a table, others by sorting."""


def _check(columns: Mapping[str, Column], lawbook: Lawbook) -> int:
    if "data" not in columns:
        raise InputError("there is no column data", remedy="name the class of data of each row")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise InputError("the columns differ in length", remedy="give one value for each row")
    for name in columns:
        entry = lawbook.register.get(name)
        if (
            name != "data"
            and name not in FIELDS
            and (entry is None or entry.field or entry.scope != "content")
        ):
            raise InputError(f"{name!r} is no fact of contents", remedy="see lawbook/facts.yaml")
    return lengths.pop()


def _dense(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Number what occurs from 0 on."""
    import numpy as np

    if not len(codes):
        return codes, 1
    top = int(codes.max()) + 1
    if top <= _TABLE:
        seen = np.zeros(top, dtype=bool)
        seen[codes] = True
        numbers = np.cumsum(seen) - 1
        return numbers[codes], int(numbers[-1]) + 1
    found, dense = np.unique(codes, return_inverse=True)
    return dense.astype(np.int64), len(found)


def _classes(values: Column) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    codes, names = _named(values)
    if bool((codes == 0).any()):
        raise InputError("a row has no class of data", remedy="what is not classified yet is `unknown`")
    return tuple(map(str, names)), codes - 1


def _named(values: Column) -> tuple[NDArray[np.int64], tuple[Any, ...]]:
    """Number the values of a column that count as they are, from 1 on; 0 is unknown."""
    import numpy as np

    if isinstance(values, Named):
        return values.codes.astype(np.int64) + 1, values.names
    if isinstance(values, np.ndarray) and values.dtype != object:
        found, codes = np.unique(np.ma.getdata(values), return_inverse=True)
        names = tuple(found.tolist())
        return np.where(np.ma.getmaskarray(values), 0, codes.astype(np.int64) + 1), names
    seen: dict[Any, int] = {None: 0}
    listed: list[Any] = list(values)
    codes_of = [seen.setdefault(tuple(v) if isinstance(v, list) else v, len(seen)) for v in listed]
    return np.array(codes_of, dtype=np.int64), tuple(seen)[1:]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A column made ready: numbers, NaN where unknown; or the numbers of names, 0 where unknown."""

    numbers: NDArray[np.float64] | None
    codes: NDArray[np.int64]
    many: int


def _ready(name: str, values: Column, lawbook: Lawbook) -> _Ready:
    import numpy as np

    entry = lawbook.register.get(name)
    if name not in FIELDS and (entry is None or not entry.numeric):
        codes, names = _named(values)
        return _Ready(None, codes, len(names) + 1)
    if isinstance(values, np.ndarray) and values.dtype != object:
        floats = np.where(np.ma.getmaskarray(values), np.nan, np.ma.getdata(values).astype(np.float64))
    else:
        listed: list[Any] = list(values)  # type: ignore[arg-type] # no column of numbers is `Named`
        floats = np.array([math.nan if value is None else value for value in listed], dtype=np.float64)
    whole = name in FIELDS or (entry is not None and entry.type == "integer")
    if np.any((floats < 0) | ((floats != np.floor(floats)) & whole & ~np.isnan(floats)) | (floats > _EXACT)):
        raise InputError(
            f"{name!r} holds a number that it cannot have",
            remedy="counts are whole, and no number is below 0 or above 2**53",
        )
    return _Ready(floats, np.zeros(0, dtype=np.int64), 0)


def _cells(
    column: _Ready, rows: NDArray[np.intp], cuts: NDArray[np.float64]
) -> tuple[NDArray[np.int64], int]:
    """Number the cells of a column in some rows; 0 is unknown."""
    import numpy as np

    if column.numbers is None:
        return column.codes[rows], column.many
    numbers = column.numbers[rows]
    left = np.searchsorted(cuts, numbers)
    same = cuts[np.minimum(left, len(cuts) - 1)] == numbers
    return np.where(np.isnan(numbers), 0, 2 * left + same + 1).astype(np.int64), 2 * len(cuts) + 2


@dataclass(frozen=True, slots=True)
class _Law:
    """The law that has a say, and what it knows of the frame: the same whatever the row."""

    orders: tuple[OrderLaw, ...]
    known: Mapping[str, Any]

    def rules(self, data: str) -> Iterator[LiveRule]:
        """Give the rules that the frame leaves possible for a class."""
        for order in self.orders:
            for name in (data, None):
                yield from order.of_class(name).index.possible(self.known, lambda *_: EVERYTHING).rules


def _law(frame: Movement, lawbook: Lawbook) -> _Law:
    day = frame.date
    if day is None:
        raise MovementError("the movement has no date", where=frame.source, remedy="add date: 2026-08-01")
    empty = replace(frame, contents=(Content(NAME, DataClass(UNKNOWN_CLASS)),))
    facts = situation(empty, day, lawbook.register, lawbook.vocabulary)
    reaching = Reaching(facts)
    orders = tuple(order.on(day) for order in lawbook.orders.values())
    return _Law(tuple(one for one in orders if reaching.by(one) is not False), facts.own[-1])


def _cuts(frame: Movement, data: str, law: _Law, lawbook: Lawbook) -> dict[str, set[float]]:
    """Give every fact that some rule can ask of a content of a class, with the numbers at which its answer turns.

    Numbers are compared as they are, or added to what was sent before, or to what the frame's history holds.
    """
    register = lawbook.register
    named: dict[str, set[float]] = {name: {0} for name in FIELDS}
    for entry in register.implied["content"]:
        for one in entry.implied_by:
            named.setdefault(entry.name, set()).update(v for v in (0, one.gives) if _is_number(v))
            named.setdefault(one.fact, set()).update(v for v in (0, one.value) if _is_number(v))
    for live in law.rules(data):
        for condition in (live.when, *(one for _, one in live.exceptions)):
            for leaf in condition.leaves():
                for fact in FIELDS if leaf.fact.startswith("year.") else (leaf.fact,):
                    named.setdefault(fact, set()).update({0, leaf.value} if leaf.numeric else ())
    return {fact: _shifted(frame, fact, cuts, lawbook) for fact, cuts in named.items()}


def _shifted(frame: Movement, fact: str, cuts: set[float], lawbook: Lawbook) -> set[float]:
    """Add the numbers that are cut where the frame adds something, or holds another number against it."""
    entry = lawbook.register.get(fact)
    measure = fact if entry is None or entry.measure is None else entry.measure
    more = sum(one.value for one in frame.history or () if one.measure == measure)
    out = set(cuts)
    if more:
        # Next to a threshold an open sum is split: a content and a history are open together.
        out |= {cut - more + step for cut in cuts for step in (-1, 0, 1)}
        out |= {cut + step for cut in cuts for step in (-1, 1)}
        out |= {float(one.value) for one in frame.history or ()}
        out |= {math.nextafter(cut, end) for cut in tuple(out) for end in (-math.inf, math.inf)}
    if fact in FIELDS:
        year, totals = frame.year_to_date, frame.totals
        before = (year and year.persons, year and year.persons_sensitive)
        out |= {cut - one for cut in cuts for one in before if one}
        given = (*before, totals and totals.persons, totals and totals.persons_sensitive)
        out |= {one for one in given if one}
    return out


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def row_movement(frame: Movement, columns: Mapping[str, Column], row: int, lawbook: Lawbook) -> Movement:
    """Give the movement that one row stands for, as the judge would be asked it alone.

    Args:
        frame: as for `decide_many`.
        columns: as for `decide_many`.
        row: the number of the row.
        lawbook: for the types of facts.
    """
    import numpy as np

    one = np.array([row], dtype=np.intp)
    return _movement(frame, {name: _chosen(values, one)[0] for name, values in columns.items()}, lawbook)


def _chosen(values: Column, rows: NDArray[np.intp]) -> list[Any]:
    """Give the values of a column in some rows as Python's own, `None` where unknown."""
    import numpy as np

    if not isinstance(values, np.ndarray):
        mine = [values[int(row)] for row in rows]
        return [value.item() if isinstance(value, np.generic) else value for value in mine]
    masked = np.ma.getmaskarray(values)[rows].tolist()
    data = np.ma.getdata(values)[rows].tolist()
    return [None if out else value for value, out in zip(data, masked, strict=True)]


def _movement(frame: Movement, row: Mapping[str, Any], lawbook: Lawbook) -> Movement:
    fields: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for name, given in row.items():
        value = given
        if name == "data" or value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        entry = lawbook.register.get(name)
        if name in FIELDS or (entry is not None and entry.type == "integer"):
            value = int(value)
        elif isinstance(value, list):
            value = tuple(value)
        (fields if name in FIELDS else facts)[name] = value
    return replace(frame, contents=(Content(NAME, DataClass(str(row["data"])), facts=facts, **fields),))
