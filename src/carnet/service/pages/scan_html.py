"""What a folder holds, in law: one page that an officer can file. Nothing in it identifies anybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from html import escape
from typing import Any

from carnet.model.factsheet import ReadState
from carnet.service.pages.document import chinese, foot, page, section, sign
from carnet.service.pages.scan_listing import in_full, unread
from carnet.service.pages.scan_page import Scanned, ScanPage, day_text, many
from carnet.service.pages.scan_places import places_part
from carnet.service.pages.scan_plots import sizes_by_day, sketches
from carnet.service.scan_law import Standing, Tested, spans_of
from carnet.service.sizes import size_text

_ROWS = {
    "important": ("Important data", "重要数据", "is-prohibited"),
    "undecided": ("Not decided", "尚不能判定", "is-undecided"),
    "sensitive_personal": ("Sensitive personal", "敏感个人信息", "is-conditional"),
    "personal": ("Personal", "个人信息", "is-conditional"),
    "ordinary": ("Ordinary", "一般数据", "is-permitted"),
    "blocked": ("Not known", "未能识别", "is-blocked"),
}
_MARKS = {
    "official": "official text read",
    "draft": "draft text only",
    "secondary": "secondary source",
    "background": "background, not re-read",
}
_MET = {True: ("yes", "met"), False: ("no", "not met"), None: ("unknown", "not known")}
_FACTS, _STILL = 12, 5
"""So many facts are named; how many more there are is said."""
_OPERATORS = {"at_least": "at least", "below": "less than", "at_most": "at most"}


def scan_html(shown: ScanPage) -> str:
    """Write the page."""
    states = Counter(one.sheet.state for one in shown.items)
    total = sum(one.sheet.bytes for one in shown.items)
    tally = "".join(
        f"<div><dt>{name}</dt><dd>{count:,}</dd></div>"
        for name, count in (
            (f"files, {size_text(total)}", len(shown.items)),
            ("read", states[ReadState.READ]),
            ("read in part", states[ReadState.PARTLY]),
            ("blocked", states[ReadState.BLOCKED]),
        )
    )
    title, zh = _finding(shown)
    where = (
        f'<span>recorded in <abbr class="oval" title="{escape(shown.region[1])}">{shown.region[0]}</abbr>'
        f"{'' if shown.region[1] == shown.region[0] else ' ' + escape(shown.region[1])}, said by the caller</span>"
        if shown.region
        else "<span>nobody has said where it was recorded</span>"
    )
    head = (
        f'<header class="head"><p class="kicker">{where}<span>scanned {day_text(shown.day)}, '
        f"{shown.began:%H:%M} to {shown.ended:%H:%M} UTC</span></p>\n<h1>{escape(title)}"
        f"{chinese(zh, 'h1-zh') if zh else ''}</h1>"
        f'<p class="lead">{_lead(shown)}</p>{_sampled(shown)}</header>\n'
        f'<dl class="tally">{tally}</dl>\n<div class="gap"></div>\n'
    )
    parts = [_classes(shown)]
    if shown.region:
        parts.insert(0, _in_law(shown))
        parts += [_tests(shown), _may_leave(shown)]
    parts += [in_full(shown), _when_and_where(shown), unread(shown)]
    body = "".join(
        section(number, name, zh, html, note) for number, (name, zh, html, note) in enumerate(parts, start=1)
    )
    oval = (
        f'<abbr class="oval" title="{escape(shown.region[1])}">{shown.region[0]}</abbr> '
        if shown.region
        else ""
    )
    cells = (
        ("Report", '<span class="mono">scan v1</span>'),
        ("Region", f"{shown.region[0]}, said by the caller" if shown.region else "not said"),
        ("Contents", f"a sample of {'files and ' if shown.sampled else ''}frames; text and messages in full"),
        ("Law as of", day_text(shown.day) if shown.region else "not asked"),
        (
            "Lawbook",
            f'<span class="mono">{escape(shown.lawbook[:15])}…</span>' if shown.region else "not asked",
        ),
        ("File hashes", "in the JSON report" if shown.hashed else "not asked for"),
    )
    says = (
        "This file is complete in itself: it opens no connection and runs no script. It holds no sample of the data. "
        "carnet applies a dated lawbook and shows its sources; it is no legal advice."
    )
    who = f'{oval}<span>report of <span class="mono">carnet scan</span></span>'
    return page("What this holds, in law · carnet scan", who, head + body, foot(cells, says))


def _finding(shown: ScanPage) -> tuple[str, str]:
    if shown.region is None:
        blocked = sum(one.sheet.state is ReadState.BLOCKED for one in shown.items)
        known = len(shown.items) - blocked
        return f"Of {many(len(shown.items), 'file')}, {known:,} could be read.", ""
    code, name = shown.region
    kinds = {one.standing.strictest for one in shown.items if one.standing}
    if "important" in kinds and code == "CN":
        return (
            "As it lies, this cannot leave China without a security assessment.",
            "其中含有重要数据，未通过数据出境安全评估不得出境。",
        )
    if "important" in kinds:
        return f"It holds data that the law of {name} calls important.", ""
    if "blocked" in kinds:
        return "Some of it could not be read, and stays until it is.", "部分内容未能识别，暂不出境。"
    if "undecided" in kinds:
        return "What it is in law is not decided: facts are missing.", "缺少事实，尚不能判定。"
    if kinds & {"personal", "sensitive_personal"}:
        return f"It holds personal data; the law of {name} asks for a route.", "其中含有个人信息。"
    return "Nothing personal and no important data was found in it.", "未发现个人信息和重要数据。"


def _sampled(shown: ScanPage) -> str:
    return "".join(f'<p class="small">{escape(one)}</p>' for one in shown.sampled)


def _lead(shown: ScanPage) -> str:
    if shown.region is None:
        return "Say the region (<span class='mono'>--region</span>) to see what it is in that law."
    counts = Counter(one.standing.strictest for one in shown.items if one.standing)
    said = [
        f"{many(counts[kind], 'file')} {verb}"
        for kind, verb in (
            ("important", "of important data"),
            ("undecided", "not decided"),
            ("blocked", "not read"),
        )
        if counts[kind]
    ]
    after = sum(bool(one.standing and _kind_of_leaving(one.standing) == "after") for one in shown.items)
    tail = (
        f" With people, numbers and places taken out, {many(after, 'file')} would be ordinary."
        if after
        else ""
    )
    return (", ".join(said) + "." if said else "Everything was read and is decided.") + tail


def _in_law(shown: ScanPage) -> tuple[str, str, str, str]:
    sizes: Counter[str] = Counter()
    files: Counter[str] = Counter()
    data: dict[str, Counter[str]] = {}
    for one in shown.items:
        kind = one.standing.strictest if one.standing else "blocked"
        files[kind] += 1
        sizes[kind] += one.sheet.bytes
        data.setdefault(kind, Counter()).update(one.sheet.data)
    most = max(sizes.values(), default=0) or 1
    rows = []
    for kind, (name, zh, style) in _ROWS.items():
        if not files[kind]:
            continue
        if kind == "blocked":
            why = "Could not be read: treated as the strictest"
        else:
            why = ", ".join(escape(word) for word, _ in data[kind].most_common(6))
        fill = "hatchfill" if kind == "blocked" else "fillink"
        rows.append(
            f'<tr><th scope="row"><span class="pair">{name} {chinese(zh)}</span><span class="why">{why}</span></th>'
            f'<td class="num" data-l="Files">{files[kind]:,}</td>'
            f'<td class="num" data-l="Size">{size_text(sizes[kind])}</td><td data-l="Share">'
            f'<svg class="bar {style}" width="100%" height="14" aria-hidden="true" focusable="false">'
            f'<rect class="{fill}" width="{100 * sizes[kind] / most:.1f}%" height="14"/></svg></td></tr>'
        )
    table = (
        '<table class="tbl fold"><caption>Each file counts once, under the strictest that it is</caption><thead><tr>'
        '<th scope="col">In law</th><th scope="col" class="num">Files</th><th scope="col" class="num">Size</th>'
        f'<th scope="col" class="w40">Share of size</th></tr></thead><tbody>{"".join(rows)}</tbody>'
        f'<tfoot><tr><td>All</td><td class="num">{len(shown.items):,}</td>'
        f'<td class="num">{size_text(sum(sizes.values()))}</td><td></td></tr></tfoot></table>'
    )
    unknown = Counter(fact for one in shown.items if one.standing for fact in one.standing.unknown)
    if unknown:
        items = "".join(
            f"<li><b>{escape(shown.meanings.get(fact, fact))}</b> "
            f'<span class="small quiet">bears on {many(count, "file")}</span></li>'
            for fact, count in unknown.most_common(_FACTS)
        )
        if len(unknown) > _FACTS:
            items += f'<li class="small quiet">and {many(len(unknown) - _FACTS, "other fact")}</li>'
        table += (
            f'<p class="sub">Nobody has said, and it would decide</p><ul class="stack small">{items}</ul>'
        )
    return "What there is, in law", "法律分类", table, ""


def _classes(shown: ScanPage) -> tuple[str, str, str, str]:
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    countries: Counter[str] = Counter()
    for one in shown.items:
        for data in set(one.sheet.data):
            files[data] += 1
            sizes[data] += one.sheet.bytes
        countries.update({place for stream in one.sheet.streams for place in _countries(stream.facts)})
    rows = "".join(
        f'<tr><th scope="row" class="mono">{escape(data)}<span class="why">{escape(_meaning(shown.meanings, data))}'
        f'</span></th><td class="num" data-l="Files">{count:,}</td>'
        f'<td class="num" data-l="In files of">{size_text(sizes[data])}</td></tr>'
        for data, count in sorted(files.items())
    )
    table = (
        '<table class="tbl fold"><thead><tr><th scope="col">Class of data</th><th scope="col" class="num">Files</th>'
        f'<th scope="col" class="num">In files of</th></tr></thead><tbody>{rows}</tbody></table>'
        if rows
        else '<p class="empty">Nothing was understood.</p>'
    )
    if countries:
        said = ", ".join(
            f'<abbr class="oval">{escape(code)}</abbr> {many(count, "file")}'
            for code, count in countries.most_common()
        )
        table += f'<p class="sub">Tracks lie in</p><p>{said}</p>'
        if shown.region and set(countries) - {shown.region[0]}:
            table += (
                f'<p class="small">What was recorded outside {escape(shown.region[1])} has another country of '
                "origin: its law has a say as well, and this page does not ask it.</p>"
            )
    else:
        table += '<p class="small quiet">No track says in which country it was recorded.</p>'
    note = "A file may hold several. Within 10 km of a border a track has no country."
    return "Classes of data", "数据类别", table, note


def _tests(shown: ScanPage) -> tuple[str, str, str, str]:
    rows = []
    for one in sorted(shown.tests, key=lambda each: (True, None, False).index(each.truth)):
        style, word = _MET[one.truth]
        told = [asked for asked in one.used if asked.fact != "activity" and asked.operator != "exceeds"]
        used = "; ".join(dict.fromkeys(_used(shown, asked) for asked in told)) or _by_class(one)
        rows.append(
            f'<tr><th scope="row">{escape(one.rule.title)}</th><td data-l="Found">{used}</td>'
            f'<td data-l="In law"><span class="met {style}">{word}</span></td><td data-l="Source">'
            f'{escape(one.rule.cite)}<br><span class="sure sure-{one.rule.certainty}">'
            f"{_MARKS[one.rule.certainty]}</span></td></tr>"
        )
    table = (
        '<table class="tbl fold"><thead><tr><th scope="col">Test</th><th scope="col">Known of these files</th>'
        '<th scope="col">In law</th><th scope="col">Source</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
        if rows
        else '<p class="empty">The law of this region tests none of these classes for important data.</p>'
    )
    note = (
        "Over all files together. Tests of classes that do not occur are left out. Counts are asked as for driving "
        "automation; what lies in other folders is not counted."
    )
    return "Which important-data tests are met", "重要数据识别", table, note


def _used(shown: ScanPage, asked: Any) -> str:
    meaning = escape(shown.meanings.get(asked.fact, asked.fact))
    limit = _OPERATORS.get(asked.operator)
    bound = f", asked: {limit} {_number(asked.operand)}" if limit and asked.operand else ""
    value = asked.used
    if isinstance(value, tuple):
        low, high = value
        known = _number(low) if low == high else ("not known" if low == 0 else f"{_number(low)} or more")
    elif value is None:
        known = "nobody has said"
    else:
        known = {True: "yes", False: "no"}.get(value, escape(str(value)))
    return f"{meaning}: <b>{known}</b>{bound}"


def _by_class(one: Tested) -> str:
    """Say which classes a test without facts found; a wider class is said to be one that may hold it."""
    asked = one.rule.classes or ()
    held = [data for data in one.data if any(data == each or data.startswith(f"{each}.") for each in asked)]
    wider = [data for data in one.data if data not in held]
    said = [f"{', '.join(held)} occurs"] if held else []
    said += [f"{', '.join(wider)} occurs, and may be {', '.join(asked)}"] if wider else []
    return escape("; ".join(said)) or "a class that does occur"


def _number(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.3g}"
    return f"{int(value):,}" if isinstance(value, int | float) else escape(str(value))


def _kind_of_leaving(one: Standing) -> str:
    if one.strictest == "blocked":
        return "blocked"
    if one.strictest == "ordinary":
        return "as_is"
    if not one.without or one.without[0] == "ordinary":
        return "after"
    return "facts" if one.without[0] == "undecided" else "route"


def _may_leave(shown: ScanPage) -> tuple[str, str, str, str]:
    groups: dict[str, list[Scanned]] = {}
    for one in shown.items:
        if one.standing:
            groups.setdefault(_kind_of_leaving(one.standing), []).append(one)
    options = []
    for kind, style, tag, says in (
        (
            "as_is",
            "permitted",
            "No route needed",
            "Nothing personal and no important data was found in them.",
        ),
        ("after", "conditional", "After taking out", ""),
        ("facts", "undecided", "After taking out, not decided", ""),
        (
            "route",
            "conditional",
            "Needs a route all the same",
            "Important or personal also without people in it.",
        ),
        ("blocked", "blocked", "Stays until read", "What could not be read is treated as the strictest."),
    ):
        found = groups.get(kind)
        if not found:
            continue
        size = size_text(sum(one.sheet.bytes for one in found))
        parts = sorted({part for one in found if one.standing for part in one.standing.parts})
        still = Counter(fact for one in found if one.standing for fact in one.standing.still)
        body = f'<p class="small">{says}</p>' if says else ""
        if kind in {"after", "facts"} and parts:
            body += f"<dl><div><dt>Take out</dt><dd>{escape(', '.join(parts))}</dd></div>"
            if still:
                names = "; ".join(shown.meanings.get(fact, fact) for fact, _ in still.most_common(_STILL))
                names += f"; and {many(len(still) - _STILL, 'other fact')}" if len(still) > _STILL else ""
                body += f"<div><dt>Still to be said</dt><dd>{escape(names)}</dd></div>"
            body += "</dl>"
        options.append(
            f'<article class="option is-{style}"><span class="tag is-{style}">{sign(style)}{tag}</span>'
            f"<h3>{many(len(found), 'file')}, {size}</h3>{body}</article>"
        )
    note = "A summary by file, not a decision. For a decision, ask for a movement."
    return "What may leave", "可出境范围", f'<div class="options">{"".join(options)}</div>', note


def _when_and_where(shown: ScanPage) -> tuple[str, str, str, str]:
    sizes: dict[date, int] = {}
    for one in shown.items:
        span = spans_of(one.sheet.streams)
        if span is not None:
            day = datetime.fromtimestamp(span[0] // 10**9, UTC).date()
            sizes[day] = sizes.get(day, 0) + one.sheet.bytes
    lines = [
        str(stream.facts["sketch"])
        for one in shown.items
        for stream in one.sheet.streams
        if "sketch" in stream.facts
    ]
    tracks = sum("km" in stream.facts for one in shown.items for stream in one.sheet.streams)
    return (
        "When and where",
        "时间与轨迹",
        f'<div class="cols">{sizes_by_day(sizes)}{sketches(lines, tracks)}</div>{places_part(shown.items)}',
        "",
    )


def _meaning(meanings: Mapping[str, str], data: str) -> str:
    while data not in meanings and "." in data:
        data = data.rpartition(".")[0]
    return meanings.get(data, "vehicle data")


def _countries(facts: Mapping[str, Any]) -> Iterable[str]:
    value = facts.get("countries", ())
    return value if isinstance(value, tuple | list) else ()
