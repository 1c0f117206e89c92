"""Attack: link two recipients' tokens, and single subjects out of a pseudonymous trip table.

Tokens: the same vehicles are given to two recipients. The attacker has both tables and no key; he ranks candidates
by the longest run of characters that two tokens share and takes the best. Chance is one in the number of vehicles.
Within one scope the same vehicle has to be found again every time.

Unicity (de Montjoye, Hidalgo, Verleysen, Blondel: "Unique in the Crowd", 2013): the share of subjects that four
random points of their track, known from elsewhere, single out. No bar: the figure says what a trip table is.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from attack_home import commuter, degrees
from attack_table import Row, show
from carnet.deidentify.cells import square_cell
from carnet.deidentify.tokens import Scope, ScopeKeys
from carnet.deidentify.vin_pseudonym import VinCipher

VEHICLES = 400
SIGNS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
POINTS = 4
RARE = 0.001


def vehicles(chance: np.random.Generator, count: int) -> list[str]:
    """Make VINs of one fleet: they differ in the serial alone, as those of one model, year and plant do."""
    serials = chance.choice(1_000_000, count, replace=False)
    return [f"1FTFW1ET5DF{serial:06d}" for serial in serials.tolist()]


def likeness(one: str, other: str) -> int:
    """Give how many positions of two tokens agree, and how many pairs of neighbours stand in both."""
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return same + len(set(pairwise(one)) & set(pairwise(other)))


def linked(here: list[str], there: list[str], chance: np.random.Generator) -> int:
    """Give how many of `here` the attacker finds in `there`, where the same index is the same vehicle."""
    order = chance.permutation(len(there))
    hits = 0
    for number, token in enumerate(here):
        scores = np.array([likeness(token, there[at]) for at in order])
        hits += int(order[int(np.argmax(scores))]) == number
    return hits


def token_rows(count: int = VEHICLES, seed: int = 2) -> list[Row]:
    """Link tokens, sealed tokens and VIN pseudonyms of two recipients; then join within one."""
    chance = np.random.default_rng(seed)
    fleet = vehicles(chance, count)
    scopes = [Scope(who, "perception training", "2026-Q4") for who in ("lei:one", "lei:two")]
    # Drawn like everything else here, so that a run can be repeated; a node draws them from the system.
    keys = ScopeKeys(chance.bytes(32), {scope: chance.bytes(32) for scope in scopes})
    made: dict[str, list[list[str]]] = {"HMAC tokens": [], "AES-SIV tokens": [], "VIN pseudonyms (FF1)": []}
    for scope in scopes:
        key = keys.open(scope)
        cipher = VinCipher(key.derive("vin"))
        made["HMAC tokens"].append([key.token("vehicle_id.vin", one) for one in fleet])
        made["AES-SIV tokens"].append([key.seal("vehicle_id.vin", one) for one in fleet])
        made["VIN pseudonyms (FF1)"].append([cipher.pseudonym(one) for one in fleet])
    # Chance is one of the fleet: about one hit; the bar is what chance exceeds once in a thousand runs.
    bar = next(n for n in range(count) if poisson_above(n) < RARE) / count
    rows = []
    for name, (here, there) in made.items():
        hits = linked(here, there, chance)
        rows.append(Row(f"linked between two recipients | {name}", hits, count, bar, f"chance: 1 in {count}"))
    again = keys.open(scopes[0])
    for name, values in (
        ("HMAC tokens", [again.token("vehicle_id.vin", one) for one in fleet]),
        ("AES-SIV tokens", [again.seal("vehicle_id.vin", one) for one in fleet]),
        ("VIN pseudonyms (FF1)", [VinCipher(again.derive("vin")).pseudonym(one) for one in fleet]),
    ):
        index = {token: at for at, token in enumerate(made[name][0])}
        hits = sum(index.get(token) == at for at, token in enumerate(values))
        rows.append(Row(f"joined within one scope | {name}", hits, count, note="", least=1.0))
    return rows


def poisson_above(hits: int, mean: float = 1.0) -> float:
    """Give the chance of more than so many hits where `mean` are expected."""
    term = total = float(np.exp(-mean))
    for number in range(1, hits + 1):
        term *= mean / number
        total += term
    return 1 - total


def unicity_rows(subjects: int = 300, days: int = 10, seed: int = 3) -> list[Row]:
    """Single subjects out of tables of cells and hours."""
    chance = np.random.default_rng(seed)
    tracks = []
    for _ in range(subjects):
        _, trips = commuter(chance, days)
        start = np.arange(len(trips)) // 2 * 24 + 8 + chance.uniform(-1, 1, len(trips))
        hours = np.concatenate(
            [begin + np.arange(len(one.xy)) / 3600 for begin, one in zip(start, trips, strict=True)]
        )
        tracks.append((np.concatenate([one.xy for one in trips]), hours))
    rows = []
    for cell_m, hours_each in ((100, 1), (1_000, 1), (1_000, 6), (5_000, 6), (20_000, 24)):
        seen = []
        for xy, hours in tracks:
            row, column = square_cell(*degrees(xy), float(cell_m))
            seen.append(
                set(
                    zip(
                        row.tolist(), column.tolist(), (hours // hours_each).astype(int).tolist(), strict=True
                    )
                )
            )
        alone = 0
        for number, own in enumerate(seen):
            known = sorted(own)
            picked = {known[at] for at in chance.choice(len(known), min(POINTS, len(known)), replace=False)}
            alone += not any(picked <= other for at, other in enumerate(seen) if at != number)
        rows.append(
            Row(
                f"singled out by {POINTS} random points | cells of {cell_m} m, {hours_each} h",
                alone,
                subjects,
            )
        )
    return rows


def main() -> None:
    """Print the table."""
    show([*token_rows(), *unicity_rows()])


if __name__ == "__main__":
    main()
