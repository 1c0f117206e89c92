"""Recognisers against a drawn log: what share of the planted is found, what share of the found was planted, how fast.

    python scripts/truth_text.py [LINES]

Prints for each kind numerator, denominator and the 95 % bounds of Clopper and Pearson. Bars: recall 0.99, precision
0.98, 5 MB/s a core.
"""

from __future__ import annotations

import sys
import time
from bisect import bisect_right
from collections import Counter

from carnet.recognise.text import Span, spans
from mixed_log import Planted, mixed_log  # beside this file
from truth_count import said  # beside this file

KINDS = {
    "vehicle_id.vin": "vin",
    "vehicle_id.plate": "plate",
    "identity.government": "identity",
    "identity.contact": "contact",
    "location.position": "position",
}
SAME = {"phone": "contact", "mail": "contact"}
PIECE = 1 << 20
RECALL, PRECISION = 0.99, 0.98


def compare(
    planted: list[Planted], found: list[Span]
) -> tuple[Counter[str], Counter[str], Counter[str], list[Span]]:
    """Count planted, found of them, and what was found where nothing was planted, by kind."""
    starts = [one.start for one in planted]
    there, hit, wrong = Counter[str](), Counter[str](), Counter[str]()
    seen: set[int] = set()
    false: list[Span] = []
    for one in found:
        kind = KINDS.get(one.data, one.data)
        number = bisect_right(starts, one.end - 1) - 1
        near = planted[number] if number >= 0 else None
        over = near is not None and near.start < one.end and one.start < near.end
        if near is not None and over and SAME.get(near.kind, near.kind) == kind:
            seen.add(number)
            continue
        wrong[kind] += 1
        false.append(one)
    for number, one in enumerate(planted):
        there[one.kind] += 1
        hit[one.kind] += number in seen
    return there, hit, wrong, false


def look(text: str) -> list[Span]:
    """Look through a text piece by piece, as the scan does: pieces end with a line."""
    out: list[Span] = []
    at = 0
    while at < len(text):
        end = min(len(text), at + PIECE)
        end = text.rfind("\n", at, end) + 1 or end
        out += [Span(at + one.start, at + one.end, one.data, one.rule) for one in spans(text[at:end])]
        at = end
    return out


def main() -> int:
    """Measure and print."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    text, planted = mixed_log(lines)
    begun = time.process_time()
    found = look(text)
    seconds = time.process_time() - begun
    there, hit, wrong, false = compare(planted, found)
    print(f"{lines} lines, {len(text.encode()) / 1e6:.1f} MB, {len(planted)} values planted")
    held = True
    for kind in sorted(there):
        held &= hit[kind] >= RECALL * there[kind]
        print(f"  recall {kind:<10} {said(hit[kind], there[kind])}")
    good = sum(hit.values())
    of = good + sum(wrong.values())
    print(f"  recall in all     {said(good, len(planted))}  bar {RECALL}")
    print(f"  precision         {said(good, of)}  bar {PRECISION}; wrong: {dict(wrong)}")
    print(f"  rate              {len(text.encode()) / 1e6 / seconds:.2f} MB/s a core  bar 5")
    if "--show" in sys.argv:
        for one in false[:40]:
            print("   ", one.rule, repr(text[max(0, one.start - 30) : one.end + 10]))
        found_at = {(one.start, one.end) for one in found}
        missed = [one for one in planted if not any(a < one.end and one.start < b for a, b in found_at)]
        for one in missed[:40]:
            print("    missed", one.kind, repr(text[max(0, one.start - 30) : one.end + 10]))
    return not (held and good >= PRECISION * of)


if __name__ == "__main__":
    raise SystemExit(main())
