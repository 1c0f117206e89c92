"""What every page has in common: the stylesheet inside it, a policy that allows nothing else, head and foot."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape

from carnet.service.pages.rule_html import LINE, MARK, stylesheet

SIGNS = (
    '<svg class="defs" aria-hidden="true" focusable="false">'
    '<symbol id="g-permitted" viewBox="0 0 24 24">'
    '<path d="M13 2.5v5.5M13 16v5.5M2.5 12H21M16.5 7.5 21 12l-4.5 4.5"/></symbol>'
    '<symbol id="g-conditional" viewBox="0 0 24 24">'
    '<path d="M17 2.5v6M17 15.5v6M2.5 12h7.5M6.5 8.5 10 12l-3.5 3.5"/><circle cx="17" cy="12" r="3.4"/></symbol>'
    '<symbol id="g-undecided" viewBox="0 0 24 24">'
    '<path d="M17.5 2.5v19" stroke-dasharray="1.5 3.5"/><path d="M4.5 9a3.2 3.2 0 1 1 4.6 2.9c-1 .5-1.4 1.1-1.4 2.1'
    'M7.7 17.4v.1"/></symbol>'
    '<symbol id="g-blocked" viewBox="0 0 24 24"><path d="M4 4h16v16H4zM4 12l8-8M4 20 20 4M12 20l8-8"/></symbol>'
    "</svg>"
)


def sign(name: str) -> str:
    """Write the sign of a verdict; the word stands beside it."""
    return f'<svg class="glyph" aria-hidden="true" focusable="false"><use href="#g-{name}"/></svg>'


def chinese(text: str, style: str = "") -> str:
    """Write a run of Chinese."""
    kind = f' class="{style}"' if style else ""
    return f'<span{kind} lang="zh-Hans">{escape(text)}</span>'


def section(number: int, title: str, zh: str, body: str, note: str = "") -> str:
    """Write a numbered section; the texts are HTML."""
    below = f'<p class="sec-n">{note}</p>' if note else ""
    return (
        f'<section class="sec" aria-labelledby="s{number}">\n<div><h2 class="sec-h" id="s{number}">'
        f'<span class="box">{number}</span><span>{title}{chinese(zh)}</span></h2>{below}</div>\n'
        f"<div>\n{body}\n</div>\n</section>\n"
    )


def foot(cells: Iterable[tuple[str, str]], says: str) -> str:
    """Write the title block: six cells of heading and HTML, and a sentence below."""
    body = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in cells)
    return (
        '<footer class="titleblock wrap" aria-label="What this page rests on">'
        f"<dl>{body}</dl><p>{says}</p></footer>"
    )


def page(title: str, who: str, main: str, below: str) -> str:
    """Write a whole page in English.

    Args:
        title: of the window, as text.
        who: what stands at the right of the masthead, as HTML.
        main: what stands in the page, as HTML.
        below: the title block.
    """
    style = f"\n{stylesheet()}"
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'none'; base-uri 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=False)}">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">Skip to the content</a>\n{MARK}{SIGNS}\n'
        '<header class="masthead"><div class="wrap masthead-in"><span class="mark">'
        '<svg aria-hidden="true" focusable="false"><use href="#mark"/></svg>carnet</span>'
        f'<div class="nav"></div><div class="who">{who}</div></div>\n{LINE}</header>\n'
        f'<main id="main" class="wrap">\n{main}</main>\n{below}\n</body>\n</html>\n'
    )
