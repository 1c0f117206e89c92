"""`make attack`: every attack on what redaction leaves, with numerator, denominator and 95 % bounds on each side."""

from __future__ import annotations

import argparse
import sys

import attack_bytes
import attack_faces
import attack_home
import attack_recordings
import attack_tokens
from attack_table import Row, show


def main() -> None:
    """Run the attacks and say which bars were kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=1000, help="commuters whose homes are looked for")
    parser.add_argument("--days", type=int, default=20)
    asked = parser.parse_args()
    rows: list[Row] = []
    for title, made in (
        ("Tokens in bytes", attack_bytes.rows),
        ("Tokens of two recipients", attack_tokens.token_rows),
        ("Singling out", attack_tokens.unicity_rows),
        ("Masked faces", attack_faces.rows),
        ("Recordings", attack_recordings.rows),
        ("Homes", lambda: attack_home.rows(asked.subjects, asked.days)),
    ):
        sys.stdout.write(f"\n{title}\n")
        found = made()
        rows += found
        show(found)
        sys.stdout.flush()
    missed = [row.what for row in rows if not row.passes]
    barred = sum(row.most is not None or row.least is not None for row in rows)
    sys.stdout.write(f"\n{barred - len(missed)} of {barred} bars kept\n")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
