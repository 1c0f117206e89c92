"""A VIN exchanged for another: maker, model, year and plant stay, the serial is encrypted.

ISO 3779: positions 1-3 are the maker (WMI), 4-9 the description, 10-17 the vehicle, of which 10 is commonly the
model year, 11 the plant and 12-17 the serial. A `9` at position 3 says that the maker builds fewer than 500 or
1,000 vehicles a year and that 12-14 belong to its code (ISO 3780, 49 CFR 565.13): nothing that could stay is
common to enough vehicles, so such a number is suppressed.
"""

from __future__ import annotations

from carnet.deidentify.fpe import Ff1
from carnet.deidentify.location_order import Keys
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.vin import ALPHABET, LENGTH, Cover, covered
from carnet.recognise.text import vin_check_digit, vin_check_digit_holds

SUPPRESSED = "X" * LENGTH
_SERIAL = 11
_CHECK = 8
_SMALL_MAKER = 2
_DIGITS = "0123456789"
_SIGNS = "".join(sorted(ALPHABET))


def cover_of(order: RedactionOrder, keys: Keys) -> Cover:
    """Give what is written over a VIN: `X` where it is removed, a pseudonym where it is replaced.

    Raises:
        RedactionError: it is to be replaced, and no key of a scope was given.
    """
    if "vin" not in order.replace:
        return covered
    cipher = VinCipher(keys.for_scope("vin"))
    return lambda vin: cipher.pseudonym(vin.decode("ascii")).encode("ascii")


class VinCipher:
    """Exchanges VINs under one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._ciphers = {len(signs): Ff1(key, len(signs)) for signs in (_DIGITS, _SIGNS)}

    def pseudonym(self, vin: str) -> str:
        """Give the number that stands for a VIN, in capitals; `SUPPRESSED` for a small maker's.

        A serial of digits stays one of digits: FF1 over a million numbers; any other is encrypted over 33 signs
        until it is again none of digits alone, so that the two kinds never meet. The check digit is made anew
        where it held; where it was filler it stays, and stays wrong.

        Raises:
            ValueError: the text is no VIN.
        """
        return self._exchange(vin, forward=True)

    def original(self, pseudonym: str) -> str:
        """Undo `pseudonym`, which takes the key; raises `ValueError` for what was suppressed or is no VIN."""
        if pseudonym == SUPPRESSED:
            raise ValueError("a suppressed number has no original")
        return self._exchange(pseudonym, forward=False)

    def _exchange(self, vin: str, *, forward: bool) -> str:
        number = vin.upper()
        if len(number) != LENGTH or not set(number) <= ALPHABET:
            raise ValueError("a VIN has 17 letters and digits without I, O and Q")
        if number[_SMALL_MAKER] == "9":
            return SUPPRESSED
        serial = number[_SERIAL:]
        signs = _DIGITS if serial.isdigit() else _SIGNS
        cipher = self._ciphers[len(signs)]
        run = cipher.encrypt if forward else cipher.decrypt
        # The check digit depends on the serial, so it is no part of the tweak.
        tweak = (number[:_CHECK] + number[_CHECK + 1 : _SERIAL]).encode("ascii")
        held = vin_check_digit_holds(number)
        while True:
            serial = "".join(signs[one] for one in run([signs.index(sign) for sign in serial], tweak))
            made = number[:_SERIAL] + serial
            # Cycle walking: what left the kind that it began in is run again, and so comes back by itself.
            if signs is _SIGNS and serial.isdigit():
                continue
            if held:
                return made[:_CHECK] + vin_check_digit(made) + made[_CHECK + 1 :]
            if not vin_check_digit_holds(made):
                return made
