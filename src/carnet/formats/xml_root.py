"""The root element of an XML text, told from its first bytes: it decides which reader an XML file has.

Nothing is parsed and nothing expanded: marks, declaration, comments, processing instructions and a document type
are stepped over (XML 1.0, fifth edition, section 2.8), and the name behind the first `<` is the answer.
"""

from __future__ import annotations

import re

_SKIPPED = re.compile(
    r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE(?:[^\[>\"']|\"[^\"]*\"|'[^']*')*(?:\[.*?\]\s*)?>", re.DOTALL
)
_ROOT = re.compile(r"<(?:[^\W\d][\w.-]{0,99}:)?([^\W\d][\w.-]{0,99})(?=[\s/>])")
_WIDE = (
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)


def _text_of(head: bytes) -> str:
    for mark, encoding in _WIDE:
        if head.startswith(mark):
            return head.decode(encoding, "replace").lstrip("\ufeff")
    return head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def _may_be_xml(head: bytes) -> bool:
    """Say whether the first byte that is no mark, space or half of a wide letter is `<`: asked of every file."""
    return head[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1] in {b"<", b""}


def root_of(head: bytes) -> str | None:
    """Give the name of an XML text's root element without its prefix, else None.

    Args:
        head: the first bytes of a file (`sniff.HEAD_BYTES`). Where comments and declarations fill them all the
            root is not seen and the answer is None: such a file is read as plain XML (`is_xml`).
    """
    if not _may_be_xml(head):
        return None
    text, at = _text_of(head), 0
    while skipped := _SKIPPED.match(text, at):
        at = skipped.end()
    found = _ROOT.match(text, at)
    return found[1] if found else None


def is_xml(head: bytes) -> bool:
    """Say whether first bytes begin an XML text: a declaration, a root element, a long comment; HTML is none."""
    if not _may_be_xml(head):
        return False
    root = root_of(head)
    if root is not None:
        return root.lower() != "html"
    text = _text_of(head).lstrip()
    return text.startswith(("<?xml", "<!--", "<!DOCTYPE")) and text[:14].lower() != "<!doctype html"
