"""A rule as one HTML page: everything inside it, no address, no script, a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from importlib import resources

from carnet.law.sheet import Line, Sheet
from carnet.law.words import Pair, Words
from carnet.service.pages import labels
from carnet.service.pages.labels import BOTH, CHINESE, ENGLISH
from carnet.service.pages.rule_cases import Shown

MARK = (
    '<svg class="defs" aria-hidden="true" focusable="false"><symbol id="mark" viewBox="0 0 26 26">'
    '<path d="M2 4.5h22v17H2zM9 4.5v17" fill="none" stroke="currentColor" stroke-width="1.8"/>'
    '<path d="M5.5 8v2M5.5 12v2M5.5 16v2" stroke="currentColor" stroke-width="1.6"/>'
    '<path d="M12 13h8M16.8 9.6 20.2 13l-3.4 3.4" fill="none" stroke="currentColor" stroke-width="1.8"/>'
    "</symbol></svg>"
)
LINE = (
    '<svg class="guilloche" aria-hidden="true" focusable="false"><defs>'
    '<pattern id="gl" width="28" height="7" patternUnits="userSpaceOnUse">'
    '<path d="M0 3.5Q7-2.5 14 3.5T28 3.5M0 3.5Q7 9.5 14 3.5T28 3.5'
    'M0 3.5Q7 .5 14 3.5T28 3.5M0 3.5Q7 6.5 14 3.5T28 3.5"/>'
    '</pattern></defs><rect width="100%" height="7" fill="url(#gl)"/></svg>'
)


def stylesheet() -> str:
    """Give the stylesheet that every page carries inside."""
    return (resources.files("carnet.service.pages") / "carnet.css").read_text(encoding="utf-8")


class _Page:
    """Writes one page in one choice of languages."""

    def __init__(
        self, sheet: Sheet, cases: tuple[tuple[Shown, ...], int], words: Words, language: str
    ) -> None:
        self.sheet = sheet
        self.cases, self.more = cases
        self.words = words
        self.language = language
        self.main = CHINESE if language == CHINESE else ENGLISH

    def english(self, text: str) -> str:
        """Write text that is held in English alone."""
        if self.main == ENGLISH:
            return escape(text)
        return f'<span lang="en">{escape(text)}</span>'

    def text(self, words: Pair) -> str:
        """Write words once, in the language of the page; marked as English where there is no Chinese."""
        if self.main == CHINESE:
            return escape(words.zh) if words.zh is not None else self.english(words.en)
        return escape(words.en)

    def pair(self, words: Pair, *, quiet: bool = False) -> str:
        """Write a name: in both languages where the page shows both."""
        if self.language != BOTH or words.zh is None or words.zh == words.en:
            return self.text(words)
        style = ' class="quiet"' if quiet else ""
        return f'{escape(words.en)} <span lang="zh-Hans"{style}>{escape(words.zh)}</span>'

    def both(self, words: Pair, tag: str = "p", style: str = "") -> str:
        """Write a sentence: whole, once in each language shown."""
        kind = f' class="{style}"' if style else ""
        out = f"<{tag}{kind}>{self.text(words)}</{tag}>"
        if self.language == BOTH and words.zh is not None:
            out += f'<{tag}{kind} lang="zh-Hans">{escape(words.zh)}</{tag}>'
        return out

    def sure(self, mark: str) -> str:
        """Write a certainty mark: line and word."""
        return f'<span class="sure sure-{mark}">{self.text(self.words.of("certainties", mark))}</span>'

    def heads(self, names: Iterable[str], numeric: str = "") -> str:
        """Write a table's head."""
        cells = "".join(
            f'<th scope="col" class="num">{self.text(labels.TABLE[name])}</th>'
            if name == numeric
            else f'<th scope="col">{self.text(labels.TABLE[name])}</th>'
            for name in names
        )
        return f"<thead><tr>{cells}</tr></thead>"

    def label(self, name: str) -> str:
        """Write a cell's own heading, for screens on which the table is a list."""
        words = labels.TABLE[name]
        shown = words.zh if self.main == CHINESE and words.zh is not None else words.en
        return f'data-l="{escape(shown)}"'

    def tree(self, line: Line, *, chinese: bool) -> str:
        """Write a condition as a tree in one language."""

        def said(words: Pair) -> str:
            if not chinese:
                return escape(words.en)
            return escape(words.zh) if words.zh is not None else f'<span lang="en">{escape(words.en)}</span>'

        def item(one: Line) -> str:
            if not one.parts:
                return f"<li>{said(one.words)}</li>"
            inner = "".join(map(item, one.parts))
            return f'<li><span class="kw">{said(one.words)}</span><ul>{inner}</ul></li>'

        if line.parts:
            body = f'<p class="kw">{said(line.words)}</p><ul>{"".join(map(item, line.parts))}</ul>'
        else:
            body = f"<p>{said(line.words)}</p>"
        return f'{body}<p class="then">{said(self.sheet.then)}</p>'

    def kicker(self) -> str:
        """Write where the rule stands and since when."""
        sheet = self.sheet
        rule = sheet.rule
        parts = [
            f'<abbr class="oval" title="{escape(sheet.order.name)}">{escape(str(sheet.order.code))}</abbr>',
            f"<span>{self.english(rule.cite)}</span>",
        ]
        if rule.start is not None:
            since = labels.day(rule.start)
            words = Pair(f"law since {since.en}", f"自{since.zh}起施行")
            if rule.end is not None:
                last = labels.day(rule.end)
                words = Pair(f"law from {since.en} to {last.en}", f"{since.zh}至{last.zh}施行")
            parts.append(f"<span>{self.text(words)}</span>")
        shown = labels.day(sheet.day)
        parts.append(f"<span>{self.text(Pair(f'as of {shown.en}', f'截至{shown.zh}'))}</span>")
        if not rule.in_force(sheet.day):
            parts.append(
                f"<span><b>{self.text(Pair('not in force on that day', '该日不在施行期'))}</b></span>"
            )
        return f'<p class="kicker">{"".join(parts)}</p>'

    def official(self) -> str:
        """Write the left side: wording that is held, and what is not."""
        sheet = self.sheet
        out = [
            f'<section class="official" aria-labelledby="lw"><h2 id="lw">{self.pair(labels.LAW_SAYS)}</h2>'
        ]
        if sheet.fragments:
            words = "".join(f"<p>……<mark>{escape(one.words)}</mark>……</p>" for one in sheet.fragments)
            out.append(f'<blockquote lang="zh-Hans">{words}</blockquote>')
            sources = dict.fromkeys((one.source, one.certainty) for one in sheet.fragments)
            out += [
                f'<p class="src">{self.sure(mark)} <span class="quiet small" lang="en">{escape(source)}</span></p>'
                for source, mark in sources
            ]
            out.append('<div class="gap"></div>')
        lead = labels.HELD_IN_PART if sheet.fragments else labels.NOT_HELD
        todo, command = labels.what_to_do(sheet.rule.id)
        where = labels.where_it_comes_from(sheet.rule.cite, sheet.instrument)
        chinese = ""
        if self.language == BOTH and lead.zh is not None:
            chinese = f'<p class="todo" lang="zh-Hans">{escape(lead.zh)}{escape(where.zh or "")}</p>'
        out.append(
            f'<div class="blocked"><b>{self.text(lead)}</b> {self.text(where)}{chinese}'
            f'<p class="todo">{self.text(todo)} <span class="mono">{escape(command)}</span></p></div>'
        )
        out.append(f'<div class="ours"><p><b>{self.text(labels.OURS)}.</b> {self.text(sheet.says)}</p>')
        if self.language == BOTH and sheet.says.zh is not None:
            out.append(f'<p lang="zh-Hans">{escape(sheet.says.zh)}</p>')
        out.append(f'<p class="src">{self.sure(sheet.rule.certainty)}</p></div></section>')
        return "".join(out)

    def check(self) -> str:
        """Write the right side: the condition as a tree."""
        out = [f'<section aria-labelledby="ck"><h2 id="ck">{self.pair(labels.WE_CHECK)}</h2>']
        if self.language != CHINESE:
            out.append(f'<div class="cond">{self.tree(self.sheet.condition, chinese=False)}</div>')
        if self.language == BOTH:
            out.append(
                f'<div class="cond zhblock" lang="zh-Hans">{self.tree(self.sheet.condition, chinese=True)}</div>'
            )
        if self.language == CHINESE:
            out.append(f'<div class="cond">{self.tree(self.sheet.condition, chinese=True)}</div>')
        return "".join([*out, "</section>"])

    def section(self, number: int, title: Pair, body: str, note: Pair | None = None) -> str:
        """Write a numbered section."""
        beside = f'<p class="sec-n">{self.text(note)}</p>' if note is not None else ""
        chinese = (
            f'<span lang="zh-Hans">{escape(title.zh)}</span>'
            if self.language == BOTH and title.zh is not None
            else ""
        )
        return (
            f'<section class="sec" aria-labelledby="s{number}"><div><h2 class="sec-h" id="s{number}">'
            f'<span class="box">{number}</span><span>{self.text(title)}{chinese}</span></h2>{beside}</div>'
            f"<div>{body}</div></section>"
        )

    def numbers(self) -> str:
        """Write every dated value."""
        if not self.sheet.numbers:
            return self.both(labels.NO_NUMBER)
        rows = []
        for one in self.sheet.numbers:
            why = f'<span class="why">{self.english(one.note)}</span>' if one.note else ""
            now = f'<span class="why">{self.text(labels.NOW)}</span>' if one.now else ""
            rows.append(
                f'<tr><th scope="row">{self.pair(one.what, quiet=True)}</th>'
                f'<td class="num" {self.label("value")}>{self.text(one.shown)}{now}</td>'
                f'<td {self.label("from")} class="nb">{self.text(labels.day(one.start))}</td>'
                f"<td {self.label('where')}>{self.english(one.cite)}{why}</td>"
                f"<td {self.label('sure')}>{self.sure(one.certainty)}</td></tr>"
            )
        heads = self.heads(("what", "value", "from", "where", "sure"), numeric="value")
        return f'<table class="tbl fold">{heads}<tbody>{"".join(rows)}</tbody></table>'

    def reading(self) -> str:
        """Write how we understand the text."""
        reading = self.sheet.rule.reading
        if reading is None:
            return self.both(labels.NO_READING)
        support = f" ({escape('; '.join(reading.support))})" if reading.support else ""
        when = labels.day(reading.date)
        note = f'<p class="serif" lang="en">{escape(reading.note)}</p>'
        return (
            f'<div class="stack">{note}<p class="small quiet">{escape(reading.by)}, '
            f"{self.text(when)}{support}</p></div>"
        )

    def shown_cases(self) -> str:
        """Write the cases as a table."""
        if not self.cases:
            return self.both(labels.NO_CASE)
        rows = [
            f'<tr><th scope="row">{self.english(one.title)}</th>'
            f'<td {self.label("day")} class="nb">{self.text(labels.day(one.day))}</td>'
            f"<td {self.label('answer')}>{self.text(one.answer)}</td>"
            f"<td {self.label('source')}>{self.text(one.why)}</td></tr>"
            for one in self.cases
        ]
        heads = self.heads(("case", "day", "answer", "source"))
        more = ""
        if self.more:
            words = Pair(f"{self.more} more own cases touch this rule.", f"另有{self.more}个案例涉及该规则。")
            more = self.both(words, style="quiet small")
        return f'<table class="tbl fold">{heads}<tbody>{"".join(rows)}</tbody></table>{more}'

    def exceptions(self) -> str:
        """Write the rules that take this one out."""
        if not self.sheet.exceptions:
            return self.both(labels.NO_EXCEPTION)
        rows = [
            f'<tr><th scope="row">{self.pair(title, quiet=True)}<span class="why mono">{escape(rule.id)}</span></th>'
            f"<td {self.label('where')}>{self.english(rule.cite)}</td>"
            f"<td {self.label('sure')}>{self.sure(rule.certainty)}</td></tr>"
            for rule, title in self.sheet.exceptions
        ]
        heads = self.heads(("exception", "where", "sure"))
        return f'<table class="tbl fold">{heads}<tbody>{"".join(rows)}</tbody></table>'

    def duties(self) -> str:
        """Write what is owed."""
        items = []
        for duty in self.sheet.duties:
            who = self.text(self.words.of("who", duty.who))
            when = self.text(self.words.of("when", duty.when))
            by = f", {self.english(duty.by)}" if duty.by else ""
            items.append(
                f'<li><span class="what"><b>{self.english(duty.what)}</b>'
                f'<span class="cite">{self.english(duty.cite)}</span></span>'
                f'<span class="state">{who}, {when}{by} {self.sure(duty.certainty)}</span></li>'
            )
        return f'<ul class="plain stack">{"".join(items)}</ul>'

    def counts(self) -> str:
        """Write which other rules read the same numbers."""
        if not self.sheet.beside:
            return self.both(labels.ALONE)
        items = "".join(
            f'<li>{self.pair(title, quiet=True)} <span class="mono quiet">{escape(rule.id)}</span></li>'
            for rule, title in self.sheet.beside
        )
        return f"{self.both(labels.SAME_NUMBERS)}<ul>{items}</ul>"

    def foot(self) -> str:
        """Write the title block."""
        sheet = self.sheet
        read = sheet.rule.confirmed or sheet.order.read
        if read is None and sheet.rule.reading is not None:
            read = f"{sheet.rule.reading.by}, {sheet.rule.reading.date.isoformat()}"
        cells = (
            ("rule", f'<span class="mono">{escape(sheet.rule.id)}</span>'),
            ("instrument", self.text(sheet.instrument)),
            ("read", self.english(read) if read else self.text(labels.NOBODY)),
            ("day", self.text(labels.day(sheet.day))),
            ("sure", self.sure(sheet.certainty)),
            ("lawbook", f'<span class="mono">{escape(sheet.lawbook[:15])}…</span>'),
        )
        body = "".join(
            f"<div><dt>{self.text(labels.FOOT[name])}</dt><dd>{value}</dd></div>" for name, value in cells
        )
        whole = f'<p><span class="mono">{escape(sheet.lawbook)}</span></p>'
        name = self.text(Pair("What this page rests on", "本页依据"))
        return f'<footer class="titleblock wrap" aria-label="{name}"><dl>{body}</dl>{whole}</footer>'

    def document(self) -> str:
        """Write the whole page."""
        style = f"\n{stylesheet()}"
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'none'; base-uri 'none'"
        title = self.sheet.title
        shown = title.zh if self.main == CHINESE and title.zh is not None else title.en
        chinese = (
            f'<span class="h1-zh" lang="zh-Hans">{escape(title.zh)}</span>'
            if self.language == BOTH and title.zh is not None
            else ""
        )
        sections = [
            (labels.NUMBERS, self.numbers(), None),
            (labels.READING, self.reading(), labels.READING_NOTE),
            (labels.CASES, self.shown_cases(), labels.CASES_NOTE),
            (labels.EXCEPTIONS, self.exceptions(), None),
        ]
        if self.sheet.duties:
            sections.append((labels.DUTIES, self.duties(), None))
        sections.append((labels.COUNTS, self.counts(), None))
        body = "".join(
            self.section(number, name, text, note)
            for number, (name, text, note) in enumerate(sections, start=1)
        )
        skip = self.text(Pair("Skip to the content", "跳到正文"))
        return (
            f'<!DOCTYPE html>\n<html lang="{"zh-Hans" if self.main == CHINESE else "en"}">\n<head>\n'
            '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=False)}">\n'
            f"<title>{escape(shown)} · carnet law</title>\n<style>{style}</style>\n</head>\n<body>\n"
            f'<a class="skip" href="#main">{skip}</a>\n{MARK}\n'
            '<header class="masthead"><div class="wrap masthead-in"><span class="mark">'
            '<svg aria-hidden="true" focusable="false"><use href="#mark"/></svg>carnet</span></div>\n'
            f'{LINE}</header>\n<main id="main" class="wrap">\n'
            f'<header class="head">{self.kicker()}<h1>{self.text(title)}{chinese}</h1></header>\n'
            f'<div class="lawpair">\n{self.official()}\n{self.check()}\n</div>\n<div class="gap"></div>\n'
            f"{body}\n</main>\n{self.foot()}\n</body>\n</html>\n"
        )


def rule_html(sheet: Sheet, cases: tuple[tuple[Shown, ...], int], words: Words, language: str = BOTH) -> str:
    """Give a rule's page as HTML.

    Args:
        sheet: what the page says.
        cases: the cases to show, and how many more there are.
        words: the words for marks, duties and cases.
        language: `en`, `zh` or `both`.
    """
    return _Page(sheet, cases, words, language).document()
