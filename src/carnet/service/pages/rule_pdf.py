"""A rule as a PDF on A4: the sections of the HTML page, for a file that is signed, sent and put away.

Chinese is set in STSong-Light, one of the faces that PDF readers bring themselves or replace by one that is
installed: no font lies in the package, and none in the file (ADR 0014).
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from carnet.law.sheet import Line, Sheet
from carnet.law.words import Pair, Words
from carnet.service.pages import labels
from carnet.service.pages.labels import BOTH, CHINESE, ENGLISH
from carnet.service.pages.rule_cases import Shown

_SONG = "STSong-Light"
_CHINESE = re.compile(r"(?:[\u2e80-\u9fff\uff00-\uffef]|\u2026\u2026)+")
_OUTSIDE = {"\u2014": "-", "\u2013": "-", "\u2192": "->", "\u2265": ">=", "\u2264": "<="}
"""Signs that the faces every reader has do not hold."""
_INK = colors.HexColor("#17212a")
_QUIET = colors.HexColor("#43505b")
_RULE = colors.HexColor("#cbd1cd")
_HOLD = colors.HexColor("#4a5660")
_WIDTH = A4[0] - 30 * mm - 12  # a frame keeps 6 points free on each side
_DASHES: dict[str, list[float]] = {
    "official": [],
    "draft": [5, 1.5, 1, 1.5],
    "secondary": [3, 2],
    "background": [0.8, 1.8],
}
"""The line says how sure: the same grammar as on the screen."""


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    values: dict[str, Any] = {
        "fontName": "Times-Roman",
        "fontSize": size,
        "leading": size * 1.4,
        "textColor": _INK,
    }
    return ParagraphStyle(name, **(values | more))


_TEXT = _style("text", 9.5, spaceAfter=2)
_SMALL = _style("small", 8, textColor=_QUIET)
_CELL = _style("cell", 8.5)
_CELL_ZH = _style("cell-zh", 8.5, wordWrap="CJK")
_HEAD = _style("head", 8, textColor=_QUIET, fontName="Helvetica")
_TITLE = _style("title", 20, fontName="Times-Bold", leading=24)
_TITLE_ZH = _style("title-zh", 12, textColor=_QUIET, wordWrap="CJK", spaceAfter=6)
_SECTION = _style("section", 11.5, fontName="Times-Bold", spaceBefore=12, spaceAfter=4)
_ZH = _style("zh", 9.5, leading=16, wordWrap="CJK", spaceAfter=2)
_QUOTED = _style("quoted", 13, leading=24, wordWrap="CJK")
_MONO = _style("mono", 8, fontName="Courier", textColor=_QUIET)


def _set(text: str) -> str:
    """Set text: escaped, and every Chinese run in the Chinese face."""
    for sign, other in _OUTSIDE.items():
        text = text.replace(sign, other)
    return _CHINESE.sub(lambda run: f'<font name="{_SONG}">{run[0]}</font>', escape(text, quote=False))


class _Mark(Flowable):  # type: ignore[misc] # the library is untyped
    """A certainty mark: line and word."""

    def __init__(self, mark: str, words: str, *, chinese: bool) -> None:
        super().__init__()
        self.mark = mark
        self.words = words
        self.font = _SONG if chinese else "Times-Roman"
        self.height = 11

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """Say what room the mark takes, in points."""
        del height
        return width, self.height

    def draw(self) -> None:
        """Draw it."""
        canvas = self.canv
        canvas.saveState()
        canvas.setLineWidth(1.6)
        canvas.setDash(_DASHES[self.mark])
        canvas.line(0, 3.5, 20, 3.5)
        canvas.setFont(self.font, 8)
        canvas.setFillColor(_QUIET)
        canvas.drawString(24, 1, self.words)
        canvas.restoreState()


class _Blocked(Flowable):  # type: ignore[misc] # the library is untyped
    """A box with a hatched edge: nothing is forbidden, something is not known."""

    def __init__(self, inner: list[Paragraph]) -> None:
        super().__init__()
        self.inner = inner
        self.heights: list[float] = []

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """Say what room the box takes, in points."""
        self.width = width
        self.heights = [one.wrap(width - 22, height)[1] for one in self.inner]
        self.height = sum(self.heights) + 10
        return self.width, self.height

    def draw(self) -> None:
        """Draw it."""
        canvas = self.canv
        canvas.saveState()
        canvas.setFillColor(colors.HexColor("#ebeeee"))
        canvas.rect(0, 0, self.width, self.height, stroke=0, fill=1)
        path = canvas.beginPath()
        path.rect(0, 0, 9, self.height)
        canvas.clipPath(path, stroke=0)
        canvas.setStrokeColor(_HOLD)
        canvas.setLineWidth(1)
        for at in range(-9, int(self.height) + 9, 5):
            canvas.line(0, at, 9, at + 9)
        canvas.restoreState()
        top = self.height - 5
        for one, height in zip(self.inner, self.heights, strict=True):
            top -= height
            one.drawOn(canvas, 16, top)


class _Document:
    """Puts one sheet on paper in one choice of languages."""

    def __init__(
        self, sheet: Sheet, cases: tuple[tuple[Shown, ...], int], words: Words, language: str
    ) -> None:
        self.sheet = sheet
        self.cases, self.more = cases
        self.words = words
        self.language = language
        self.main = CHINESE if language == CHINESE else ENGLISH

    def chosen(self, words: Pair) -> str:
        """Give words in the language of the page, in English where there is no Chinese."""
        return words.zh if self.main == CHINESE and words.zh is not None else words.en

    def cell(self, words: Pair | str) -> Paragraph:
        """Set a table's cell."""
        text = words if isinstance(words, str) else self.chosen(words)
        style = _CELL_ZH if _CHINESE.match(text) else _CELL
        return Paragraph(_set(text), style)

    def named(self, words: Pair) -> list[Paragraph]:
        """Set a name: in both languages where the page shows both."""
        out = [self.cell(words)]
        if self.language == BOTH and words.zh is not None and words.zh != words.en:
            out.append(Paragraph(_set(words.zh), _CELL_ZH))
        return out

    def sentence(self, words: Pair, style: ParagraphStyle = _TEXT) -> list[Paragraph]:
        """Set a sentence, whole, once in each language shown."""
        out: list[Paragraph] = []
        if self.language != CHINESE or words.zh is None:
            out.append(Paragraph(_set(words.en), style))
        if self.language != ENGLISH and words.zh is not None:
            out.append(Paragraph(_set(words.zh), _ZH))
        return out

    def mark(self, certainty: str) -> _Mark:
        """Set a certainty mark."""
        words = self.words.of("certainties", certainty)
        text = self.chosen(words)
        return _Mark(certainty, text, chinese=text == words.zh)

    def section(self, title: Pair) -> Paragraph:
        """Set a section's name."""
        text = self.chosen(title)
        if self.language == BOTH and title.zh is not None:
            text = f"{title.en}  {title.zh}"
        return Paragraph(_set(text), _SECTION)

    def tree(self, line: Line, depth: int = 0, *, chinese: bool) -> list[Paragraph]:
        """Set a condition as a tree; what has no Chinese stays English."""
        text = line.words.zh if chinese and line.words.zh is not None else line.words.en
        base = _ZH if chinese and line.words.zh is not None else _TEXT
        style = ParagraphStyle(
            f"{base.name}-{depth}-{line.lead}",
            parent=base,
            leftIndent=12 * depth,
            bulletIndent=max(0, 12 * depth - 9),
        )
        if line.lead and not chinese:
            style.fontName = "Times-Bold"
        out = [Paragraph(_set(text), style, bulletText="-" if depth else None)]
        for one in line.parts:
            out += self.tree(one, depth + 1, chinese=chinese)
        return out

    def check(self) -> list[Paragraph]:
        """Set what is checked."""
        out: list[Paragraph] = []
        for chinese in (False, True):
            if (chinese and self.language == ENGLISH) or (not chinese and self.language == CHINESE):
                continue
            out += self.tree(self.sheet.condition, chinese=chinese)
            then = self.sheet.then
            text = then.zh if chinese and then.zh is not None else then.en
            out.append(
                Paragraph(f"<b>{_set(text)}</b>" if not chinese else _set(text), _ZH if chinese else _TEXT)
            )
            out.append(Spacer(1, 5))
        return out

    def official(self) -> list[Any]:
        """Set the wording that is held, and what is not."""
        sheet = self.sheet
        out: list[Any] = [Paragraph(_set(f"……{one.words}……"), _QUOTED) for one in sheet.fragments]
        for source, certainty in dict.fromkeys((one.source, one.certainty) for one in sheet.fragments):
            out += [self.mark(certainty), Paragraph(_set(source), _SMALL)]
        if sheet.fragments:
            out.append(Spacer(1, 6))
        todo, command = labels.what_to_do(sheet.rule.id)
        where = labels.where_it_comes_from(sheet.rule.cite, sheet.instrument)
        lead = labels.HELD_IN_PART if sheet.fragments else labels.NOT_HELD
        inner = [*self.sentence(lead), *self.sentence(where), *self.sentence(todo, _SMALL)]
        out.append(_Blocked([*inner, Paragraph(_set(command), _MONO)]))
        out += [Spacer(1, 6), Paragraph(_set(self.chosen(labels.OURS)), _HEAD), *self.sentence(sheet.says)]
        out.append(self.mark(sheet.rule.certainty))
        return out

    def table(self, heads: tuple[str, ...], rows: list[list[Any]], widths: tuple[float, ...]) -> Table:
        """Set a ruled table; its head is repeated on every page."""
        head = [Paragraph(_set(self.chosen(labels.TABLE[name])), _HEAD) for name in heads]
        out = Table([head, *rows], colWidths=[_WIDTH * one for one in widths], repeatRows=1)
        out.setStyle(
            TableStyle(
                [
                    ("LINEBELOW", (0, 0), (-1, 0), 0.8, _INK),
                    ("LINEBELOW", (0, 1), (-1, -1), 0.4, _RULE),
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("LEFTPADDING", (0, 0), (-1, -1), 0),
                    ("TOPPADDING", (0, 0), (-1, -1), 3),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
                ]
            )
        )
        return out

    def numbers(self) -> list[Any]:
        """Set every dated value."""
        if not self.sheet.numbers:
            return self.sentence(labels.NO_NUMBER)
        rows: list[list[Any]] = []
        for one in self.sheet.numbers:
            where: list[Any] = [self.cell(one.cite)]
            if one.note:
                where.append(Paragraph(_set(one.note), _SMALL))
            value = [self.cell(one.shown)]
            if one.now:
                value.append(Paragraph(_set(self.chosen(labels.NOW)), _SMALL))
            rows.append(
                [
                    self.named(one.what),
                    value,
                    self.cell(labels.day(one.start)),
                    where,
                    self.mark(one.certainty),
                ]
            )
        return [self.table(("what", "value", "from", "where", "sure"), rows, (0.3, 0.17, 0.12, 0.22, 0.19))]

    def reading(self) -> list[Any]:
        """Set how we understand the text."""
        reading = self.sheet.rule.reading
        if reading is None:
            return self.sentence(labels.NO_READING)
        support = f" ({'; '.join(reading.support)})" if reading.support else ""
        signed = f"{reading.by}, {self.chosen(labels.day(reading.date))}{support}"
        return [Paragraph(_set(reading.note), _TEXT), Paragraph(_set(signed), _SMALL)]

    def shown_cases(self) -> list[Any]:
        """Set the cases."""
        if not self.cases:
            return self.sentence(labels.NO_CASE)
        rows = [
            [self.cell(one.title), self.cell(labels.day(one.day)), self.cell(one.answer), self.cell(one.why)]
            for one in self.cases
        ]
        out: list[Any] = [self.table(("case", "day", "answer", "source"), rows, (0.4, 0.13, 0.27, 0.2))]
        if self.more:
            words = Pair(f"{self.more} more own cases touch this rule.", f"另有{self.more}个案例涉及该规则。")
            out += self.sentence(words, _SMALL)
        return out

    def exceptions(self) -> list[Any]:
        """Set the rules that take this one out."""
        if not self.sheet.exceptions:
            return self.sentence(labels.NO_EXCEPTION)
        rows = [
            [[*self.named(title), Paragraph(rule.id, _MONO)], self.cell(rule.cite), self.mark(rule.certainty)]
            for rule, title in self.sheet.exceptions
        ]
        return [self.table(("exception", "where", "sure"), rows, (0.45, 0.33, 0.22))]

    def duties(self) -> list[Any]:
        """Set what is owed."""
        out: list[Any] = []
        for duty in self.sheet.duties:
            who = self.chosen(self.words.of("who", duty.who))
            when = self.chosen(self.words.of("when", duty.when))
            by = f", {duty.by}" if duty.by else ""
            lines = [
                Paragraph(_set(duty.what), _TEXT),
                Paragraph(_set(f"{who}, {when}{by}; {duty.cite}"), _SMALL),
            ]
            out.append(KeepTogether([*lines, self.mark(duty.certainty), Spacer(1, 4)]))
        return out

    def counts(self) -> list[Any]:
        """Set which other rules read the same numbers."""
        if not self.sheet.beside:
            return self.sentence(labels.ALONE)
        out: list[Any] = self.sentence(labels.SAME_NUMBERS)
        for rule, title in self.sheet.beside:
            out += [*self.named(title), Paragraph(rule.id, _MONO)]
        return out

    def foot(self) -> list[Any]:
        """Set the title block."""
        sheet = self.sheet
        read = sheet.rule.confirmed or sheet.order.read
        if read is None and sheet.rule.reading is not None:
            read = f"{sheet.rule.reading.by}, {sheet.rule.reading.date.isoformat()}"
        cells: list[tuple[str, Any]] = [
            ("rule", Paragraph(sheet.rule.id, _MONO)),
            ("instrument", self.cell(sheet.instrument)),
            ("read", self.cell(read or labels.NOBODY)),
            ("day", self.cell(labels.day(sheet.day))),
            ("sure", self.mark(sheet.certainty)),
            ("lawbook", Paragraph(_set(sheet.lawbook), _MONO)),
        ]
        rows = [
            [
                [Paragraph(_set(self.chosen(labels.FOOT[name])), _HEAD), value]
                for name, value in cells[at : at + 3]
            ]
            for at in (0, 3)
        ]
        out = Table(rows, colWidths=[_WIDTH / 3] * 3)
        lines = [("GRID", (0, 0), (-1, -1), 0.4, _RULE), ("BOX", (0, 0), (-1, -1), 0.8, _INK)]
        out.setStyle(TableStyle([*lines, ("VALIGN", (0, 0), (-1, -1), "TOP")]))
        return [Spacer(1, 14), KeepTogether([out])]

    def story(self) -> list[Any]:
        """Put everything in its order."""
        sheet = self.sheet
        rule = sheet.rule
        since = labels.day(rule.start) if rule.start is not None else Pair("", "")
        shown = labels.day(sheet.day)
        head = Pair(f"law since {since.en}", f"自{since.zh}起施行")
        if rule.end is not None:
            last = labels.day(rule.end)
            head = Pair(f"law from {since.en} to {last.en}", f"{since.zh}至{last.zh}施行")
        if not rule.in_force(sheet.day):
            head = Pair(f"{head.en}, not in force on that day", f"{head.zh}，该日不在施行期")
        as_of = Pair(f"as of {shown.en}", f"截至{shown.zh}")
        kicker = f"{sheet.order.code}   {rule.cite}   {self.chosen(head)}   {self.chosen(as_of)}"
        out: list[Any] = [Paragraph(_set(kicker), _SMALL), Spacer(1, 4)]
        out.append(Paragraph(_set(self.chosen(sheet.title)), _TITLE))
        if self.language == BOTH and sheet.title.zh is not None:
            out.append(Paragraph(_set(sheet.title.zh), _TITLE_ZH))
        parts: list[tuple[Pair, list[Any]]] = [
            (labels.LAW_SAYS, self.official()),
            (labels.WE_CHECK, self.check()),
            (labels.NUMBERS, self.numbers()),
            (labels.READING, self.reading()),
            (labels.CASES, self.shown_cases()),
            (labels.EXCEPTIONS, self.exceptions()),
        ]
        if sheet.duties:
            parts.append((labels.DUTIES, self.duties()))
        parts.append((labels.COUNTS, self.counts()))
        for title, body in parts:
            out += [CondPageBreak(70), self.section(title), *body]
        return [*out, *self.foot()]


def rule_pdf(sheet: Sheet, cases: tuple[tuple[Shown, ...], int], words: Words, language: str = BOTH) -> bytes:
    """Give a rule's page as PDF; the same sheet gives the same bytes.

    Args:
        sheet: what the page says.
        cases: the cases to show, and how many more there are.
        words: the words for marks, duties and cases.
        language: `en`, `zh` or `both`.
    """
    pdfmetrics.registerFont(UnicodeCIDFont(_SONG))
    document = _Document(sheet, cases, words, language)
    out = io.BytesIO()
    SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=15 * mm,
        rightMargin=15 * mm,
        topMargin=16 * mm,
        bottomMargin=18 * mm,
        title=document.chosen(sheet.title),
        author="carnet law",
        subject=f"{sheet.rule.id}, {sheet.lawbook}",
        lang="zh-CN" if language == CHINESE else "en",
        invariant=1,
    ).build(document.story(), onFirstPage=_numbered, onLaterPages=_numbered)
    return out.getvalue()


def _numbered(canvas: Any, document: Any) -> None:
    """Put the page's number at its foot."""
    canvas.saveState()
    canvas.setFont("Times-Roman", 8)
    canvas.setFillColor(_QUIET)
    canvas.drawRightString(A4[0] - 15 * mm, 10 * mm, str(document.page))
    canvas.restoreState()
