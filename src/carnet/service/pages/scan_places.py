"""What a scan report says of sensitive places: entries of the officer's lists by name, never where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from carnet.service.pages.document import chinese
from carnet.service.pages.scan_page import Scanned, many


def places_part(items: Sequence[Scanned]) -> str:
    """Give the part of the page, or nothing where no list was given."""
    told = [facts for one in items if (facts := _facts_of(one))]
    marks = sorted({mark for facts in told for one in facts for mark in one["places_lists"]})
    if not marks:
        return ""
    touched = Counter(name for facts in told for name in _touched(facts))
    clear = sum(all(one.get("sensitive_places") is False for one in facts) for facts in told)
    why = Counter(
        reason
        for facts in told
        if not _touched(facts)
        for reason in {str(one["places_unknown"]) for one in facts if "places_unknown" in one}
    )
    until = min(str(one["places_until"]) for facts in told for one in facts)
    rows = "".join(
        f'<tr><th scope="row" class="mono">{escape(name)}</th><td data-l="Found">'
        f'<span class="met yes">touched or seen</span></td><td class="num" data-l="Files">{count:,}</td></tr>'
        for name, count in sorted(touched.items())
    )
    rows += (
        f'<tr><th scope="row">None of them</th><td data-l="Found"><span class="met no">none</span></td>'
        f'<td class="num" data-l="Files">{clear:,}</td></tr>'
        if clear
        else ""
    )
    rows += "".join(
        f'<tr><th scope="row">{escape(reason[:1].upper() + reason[1:])}</th><td data-l="Found">'
        f'<span class="met unknown">not known</span></td><td class="num" data-l="Files">{count:,}</td></tr>'
        for reason, count in why.most_common(12)
    )
    rest = len(items) - len(told)
    lists = ", ".join(f'<span class="mono">{escape(one)}</span>' for one in marks)
    note = f" {many(rest, 'file')} showed no ground and no position." if rest else ""
    return (
        f'<p class="sub">Sensitive places {chinese("敏感区域")}</p><table class="tbl fold"><thead><tr>'
        '<th scope="col">Entry, or why nobody can say</th><th scope="col">Found</th>'
        f'<th scope="col" class="num">Files</th></tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="small quiet">By the signed list {lists}, until {escape(until)}. Where the entries lie is '
        f"secret and not shown.{note}</p>"
    )


def _facts_of(one: Scanned) -> list[Mapping[str, Any]]:
    every: list[Mapping[str, Any]] = [stream.facts for stream in one.sheet.streams]
    every += [dict(each.facts) for each in one.sheet.outside]
    return [facts for facts in every if "places_lists" in facts]


def _touched(facts: Sequence[Mapping[str, Any]]) -> set[str]:
    return {name for one in facts for name in one.get("places_touched", ())}
