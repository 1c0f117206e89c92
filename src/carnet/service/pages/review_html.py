"""The review's page: one frame before and after, four answers, and what the sample says so far.

After `style.md`: all answers look alike, there is no default, and no number stands without its rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from carnet.deidentify.certificate import FEWEST, Row
from carnet.deidentify.order import Region
from carnet.model.shares import lower_bound
from carnet.service.pages.rule_html import LINE, MARK

_NAMES = {"face": ("faces", "人脸"), "plate": ("plates", "号牌")}


@dataclass(frozen=True, slots=True)
class Shown:
    """What one page shows.

    Attributes:
        base: the address under which everything lies.
        number: of the frame in the sample, from 0; `of` is how many there are.
        place: the frame in words that identify nobody.
        size: width and height in pixels.
        regions: what was masked in it.
        said: the answer given before, if any.
        rows: what the person's looking says so far, by label.
        left: how many frames have no answer yet.
        marking: whether the place that shows is being marked.
    """

    base: str
    number: int
    of: int
    place: str
    size: tuple[int, int]
    regions: Sequence[Region]
    said: str | None
    rows: Sequence[Row]
    left: int
    marking: bool
    reviewer: str
    batch: str
    total_frames: int
    masked_by: str


def page(shown: Shown) -> str:
    """Write the page of one frame."""
    done = shown.of - shown.left
    head = "Where does something show?" if shown.marking else "Is everyone covered in this frame?"
    lead = f"Frame {shown.number + 1} of {shown.of}, drawn at random. {_missed(shown.rows)}"
    body = (
        f'<header class="head"><p class="kicker"><span>Redaction</span><span>Batch {shown.batch[:12]}</span>'
        '<span lang="zh-Hans">脱敏抽样复核</span></p>'
        f'<h1>{head}</h1><p class="lead">{lead}</p></header>'
        f'<svg class="plot progress" width="100%" height="10" role="img" focusable="false" '
        f'aria-label="{done} of {shown.of} looked at"><rect class="open" x=".5" y=".5" width="99.9%" height="9"/>'
        f'<rect class="fill" width="{100 * done / max(shown.of, 1):.2f}%" height="10"/></svg>'
        f'<div class="pairpic">{_figure(shown, "before")}{_figure(shown, "after")}</div>'
        f"{_marking(shown) if shown.marking else _answers(shown)}"
        '<p class="note small">You see unmasked frames as reviewer, for this sample only. Which frames you opened '
        "is written into the review. Nothing else of them is kept.</p>"
        f'<div class="gap"></div>{_says(shown)}'
    )
    return _whole("Review", body, shown)


def finished(shown: Shown, again: int) -> str:
    """Write the page after the last answer."""
    rest = f"{again} frames go back to be masked again." if again else "Nothing goes back to be masked again."
    body = (
        '<header class="head"><p class="kicker"><span>Redaction</span>'
        f"<span>Batch {shown.batch[:12]}</span></p>"
        f'<h1>All {shown.of} frames have an answer.</h1><p class="lead">{rest} '
        "Make the certificate now: <code>carnet certify BEFORE AFTER --review FILE</code>.</p></header>"
        f'<p><a class="btn" href="{shown.base}/frame/{shown.of - 1}">Back one</a></p>{_says(shown)}'
    )
    return _whole("Review done", body, shown)


def _whole(title: str, body: str, shown: Shown) -> str:
    mark = ' data-mark="1"' if shown.marking else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title} · carnet</title>"
        f'<link rel="stylesheet" href="{shown.base}/carnet.css">'
        f'<link rel="stylesheet" href="{shown.base}/review.css">'
        f'<script src="{shown.base}/review.js" defer></script></head>\n<body{mark}>'
        f'<a class="skip" href="#main">Skip to the content</a>{MARK}'
        '<header class="masthead"><div class="wrap masthead-in"><span class="mark">'
        '<svg aria-hidden="true" focusable="false"><use href="#mark"/></svg>carnet</span>'
        f'<div class="who"><span>{escape(shown.reviewer)}</span></div></div>{LINE}</header>'
        f'<main id="main" class="wrap">{body}</main>'
        '<footer class="titleblock wrap" aria-label="What this page rests on"><dl>'
        f"<div><dt>Batch</dt><dd>{shown.batch[:12]}</dd></div>"
        f"<div><dt>Sample</dt><dd>{shown.of} of {shown.total_frames:,} frames, "
        "drawn by the batch&rsquo;s digest</dd></div>"
        "<div><dt>Bound</dt><dd>Clopper&ndash;Pearson, one-sided, 95 %</dd></div>"
        f"<div><dt>Masked by</dt><dd>{escape(shown.masked_by)}</dd></div>"
        f"<div><dt>Reviewer</dt><dd>{escape(shown.reviewer)}</dd></div></dl></footer></body></html>\n"
    )


def _figure(shown: Shown, which: str) -> str:
    width, height = shown.size
    boxes = ""
    if which == "before":
        shapes = "".join(
            f'<rect class="{style}" data-n="{number}" x="{one.box[0]:.0f}" y="{one.box[1]:.0f}" '
            f'width="{one.box[2]:.0f}" height="{one.box[3]:.0f}"/>'
            for number, one in enumerate(shown.regions)
            for style in ("under", "over")
        )
        boxes = f'<svg class="regions" viewBox="0 0 {width} {height}" aria-hidden="true">{shapes}</svg>'
        said = f"{shown.place}, {width} x {height} px"
        alt = f"The frame as it was recorded, {len(shown.regions)} places outlined"
    else:
        boxes = f'<svg class="marks" viewBox="0 0 {width} {height}" aria-hidden="true"></svg>'
        said = f"{len(shown.regions)} places masked"
        alt = f"The frame after redaction, {len(shown.regions)} places masked"
    return (
        f'<figure class="{which}"><div class="crop"><img src="{shown.base}/{which}/{shown.number}.jpg" '
        f'width="{width}" height="{height}" alt="{alt}">{boxes}</div>'
        f"<figcaption><b>{which.capitalize()}</b><span>{escape(said)}</span></figcaption></figure>"
    )


def _button(shown: Shown, key: str, answer: str, words: str, small: str, extra: str = "") -> str:
    sign = "←" if key == "back" else key.upper()
    return (
        f'<button class="btn" data-key="{key}"{extra} formaction="{shown.base}/frame/{shown.number}/{answer}">'
        f'<kbd>{sign}</kbd><span>{words}<span class="small">{small}</span></span></button>'
    )


def _answers(shown: Shown) -> str:
    before = f"your answer here: {shown.said}" if shown.said else "no answer here yet"
    return (
        '<form method="post" class="stack-l"><fieldset><legend class="vh">Your judgement on this frame</legend>'
        '<div class="judge">'
        + _button(shown, "1", "covered", "All covered", "nothing can be recognised")
        + _button(shown, "2", "shows", "Something shows", "then mark where")
        + _button(shown, "3", "unclear", "Cannot tell", "a second person looks")
        + _button(shown, "back", "back", "Back one", before)
        + "</div></fieldset>"
        + _keys()
        + "</form>"
    )


def _marking(shown: Shown) -> str:
    def button(key: str, labels: str, words: str) -> str:
        return _button(
            shown, key, f"shows-{labels}", words, "with the places you drew", f' data-labels="{labels}"'
        )

    return (
        '<form method="post" class="stack-l marking"><fieldset><legend>What shows? Draw around it on the '
        'picture after redaction first, if you can point.</legend><div class="judge">'
        + button("f", "face", "A face")
        + button("p", "plate", "A plate")
        + button("a", "face+plate", "Both")
        + _button(shown, "back", "unmark", "Back", "nothing is noted")
        + "</div></fieldset>"
        + _keys()
        + "</form>"
    )


def _keys() -> str:
    return (
        '<div class="keys"><span><kbd>Z</kbd> larger</span><span><kbd>B</kbd> the picture after alone</span>'
        '<span><kbd>N</kbd> next region</span><details id="keys-all"><summary><kbd>?</kbd> all keys</summary>'
        "<p>1 all covered, 2 something shows, 3 cannot tell, ← back one; while marking: F a face, P a plate, "
        "A both.</p></details>"
        '<label class="switch"><input type="checkbox" checked name="keys"> Single keys on</label></div>'
    )


def _missed(rows: Sequence[Row]) -> str:
    missed = sum(one.of - one.covered for one in rows)
    if not missed:
        return "Nothing has shown so far."
    return f"Something has shown {'once' if missed == 1 else f'{missed} times'} so far."


def _says(shown: Shown) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_NAMES[one.label][0].capitalize()} <span lang="zh-Hans" class="quiet">'
        f'{_NAMES[one.label][1]}</span></th><td class="num" data-l="Looked at">{one.of}</td>'
        f'<td class="num" data-l="Missed">{one.of - one.covered}</td>'
        f'<td class="num" data-l="Bound">{"none yet" if one.bound is None else f"{one.bound:.4f}"}</td>'
        f'<td data-l="What it says">{_forecast(one, shown.left)}</td></tr>'
        for one in shown.rows
    )
    return (
        '<section class="sec" aria-labelledby="s1"><div><h2 class="sec-h" id="s1"><span class="box">1</span>'
        '<span>What the sample says<span lang="zh-Hans">抽样结果</span></span></h2>'
        '<p class="sec-n">Frames of one camera within two seconds count as one. Under '
        f"{FEWEST} no bound is given.</p></div><div>"
        '<table class="tbl fold"><caption>Share covered, 95 % lower bound</caption><thead><tr>'
        '<th scope="col">Of what</th><th scope="col" class="num">Looked at</th>'
        '<th scope="col" class="num">Missed</th><th scope="col" class="num">Bound</th>'
        f'<th scope="col">What it says</th></tr></thead><tbody>{rows}</tbody></table>'
        '<p class="quiet small">The certificate prints the lowest of three bounds: this one, that of a second '
        "detector, and that of what was planted.</p></div></section>"
    )


def _forecast(row: Row, left: int) -> str:
    """Say what the bound would be at the end, if every frame that is left showed such a thing, covered."""
    of = row.of + left
    if of < FEWEST:
        return f"{of} at most by the end of this sample: too few for a bound"
    return f"at most {lower_bound(row.covered + left, of):.4f} if no other is missed"
