"""The long parts of a scan report: streams with their reasons, and what could not be read."""

from __future__ import annotations

import re
from html import escape

from carnet.model.factsheet import FactSheet, ReadState
from carnet.service.pages.scan_page import Scanned, ScanPage, many
from carnet.service.scan_law import STRICTEST
from carnet.service.sizes import size_text

LISTED = 200
"""So many files, and so many streams of one, are written out; the rest stands in the JSON report."""


_LONG = {at_least: re.compile(rf"[^\s&;]{{{at_least},}}") for at_least in (25, 40)}
_SIGN = re.compile(r"([./_:]+)(?=\w)")


def in_full(shown: ScanPage) -> tuple[str, str, str, str]:
    """Write files stream by stream, the strictest first: class, certainty and reason.

    Gives title, Chinese, HTML and note.
    """
    tables, left = [], LISTED
    listed = 0
    for one in sorted(shown.items, key=_strictness):
        rows = _stream_rows(one.sheet)
        if not rows or len(rows) > max(left, 20):
            continue
        left -= len(rows)
        listed += 1
        tables.append(
            f'<table class="tbl fold"><caption>{escape(one.name)}, {escape(one.sheet.format or "")}, '
            f"{size_text(one.sheet.bytes)}, {_state(one.sheet)}</caption><thead><tr>"
            '<th scope="col">Stream</th><th scope="col">Class</th><th scope="col">Certainty</th>'
            f'<th scope="col">Because</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
        )
        if left <= 0:
            break
    rest = len(shown.items) - listed
    more = f"{many(rest, 'more file')} in the same form in the JSON report. " if rest else ""
    tail = f'<p class="small quiet">{more}What is called “likely” is treated as if it were certain.</p>'
    note = "Files of the strictest kind come first." if rest and shown.region else ""
    return "Stream by stream", "数据流明细", "".join(tables) + tail, note


def _strictness(one: Scanned) -> int:
    return 0 if one.standing is None else STRICTEST.index(one.standing.strictest)


def _state(sheet: FactSheet) -> str:
    return {"read": "read whole", "partly": "read in part"}.get(sheet.state.value, sheet.state.value)


def _stream_rows(sheet: FactSheet) -> list[str]:
    rows = []
    for stream in sheet.streams:
        best: dict[str, tuple[str, str]] = {}
        for one in stream.fields:
            order = ("certain", "likely", "possible")
            old = best.get(one.data)
            if old is None or order.index(one.certainty.value) < order.index(old[0]):
                best[one.data] = (one.certainty.value, "; ".join(one.because))
        kind = f"{stream.schema or stream.kind}, {stream.count:,}"
        for number, data in enumerate(stream.data or ("nothing that law names",)):
            certainty, because = (
                best.get(data, ("certain", "values: a track"))
                if stream.data
                else best.get("nothing", ("", ""))
            )
            name = (
                f'{_breaking(stream.name)}<span class="why">{_breaking(kind)}</span>' if number == 0 else "″"
            )
            rows.append(_row(name, data, certainty, because))
    rows += [
        _row(
            f'{_breaking(one.where)}<span class="why">outside the streams</span>',
            one.data,
            "certain",
            "; ".join(one.because),
        )
        for one in sheet.outside
    ]
    return rows


def _row(name: str, data: str, certainty: str, because: str) -> str:
    again = ' class="mono again"' if name == "″" else ' class="mono"'
    return (
        f'<tr><th scope="row"{again}>{name}</th>'
        f'<td data-l="Class"><span class="mono">{escape(data)}</span></td>'
        f'<td data-l="Certainty">{certainty}</td><td data-l="Because">{_breaking(because, 25)}</td></tr>'
    )


def _breaking(text: str, at_least: int = 40) -> str:
    """Escape a text in which long names may be broken behind a sign: they would widen the table beyond the page."""
    return _LONG[at_least].sub(lambda name: _SIGN.sub(r"\1<wbr>", name[0]), escape(text))


def unread(shown: ScanPage) -> tuple[str, str, str, str]:
    """Write what is blocked and why, and what was read in part; gives title, Chinese, HTML and note."""
    reasons: dict[str, list[Scanned]] = {}
    for one in shown.items:
        if one.sheet.state is ReadState.BLOCKED:
            reasons.setdefault(one.sheet.reason or "it could not be read", []).append(one)
    blocks = []
    for reason, found in sorted(reasons.items(), key=lambda each: -len(each[1])):
        names = ", ".join(escape(one.name) for one in found[:5])
        more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""  # noqa: PLR2004 - as many as are named
        size = size_text(sum(one.sheet.bytes for one in found))
        blocks.append(
            f'<div class="blocked"><b>{many(len(found), "file")}, {size}: {escape(reason)}.</b> '
            f'<span class="mono">{names}</span>{more}<p class="todo">{_todo(reason)}</p></div>'
        )
    partly = [one for one in shown.items if one.sheet.state is ReadState.PARTLY]
    body = "".join(blocks) or '<p class="empty">Everything was read, or read in part.</p>'
    if partly:
        items = "".join(
            f'<li><span class="mono">{escape(one.name)}</span>: {escape(one.sheet.reason or "")}</li>'
            for one in partly[:LISTED]
        )
        if len(partly) > LISTED:
            items += f"<li>{many(len(partly) - LISTED, 'more file')} in the JSON report</li>"
        body += f'<p class="sub">Read in part: {many(len(partly), "file")}</p><ul class="small stack">{items}</ul>'
    return "What could not be read", "未能读取", body, ""


def _todo(reason: str) -> str:
    if "encrypt" in reason or "password" in reason:
        return "Ask for the key, decrypt, scan again. What nobody can open is never counted as empty."
    if "known kind" in reason or "does not read" in reason:
        return "Turn it into a format that carnet reads, or add a reader; who knows it can correct its class."
    return "Scan it again from an undamaged copy; until then it stays."
