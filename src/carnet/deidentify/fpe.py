"""FF1: format-preserving encryption of short numeral strings (NIST SP 800-38G, algorithms 7 and 8).

The second draft of revision 1 (February 2025) keeps FF1, takes FF3 and FF3-1 out, and asks for a domain of at
least one million values; a smaller domain is refused here, because it can be tried out. AES comes from
`cryptography`; everything else is integer arithmetic. A permutation hides which value stands for which; it does
not hide that two values are the same, and whoever holds the key can undo it: what it makes is *replaced*, never
removed.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

SMALLEST_DOMAIN = 1_000_000
_KEY_LENGTHS = (16, 24, 32)
_SMALLEST_RADIX, _LARGEST_RADIX = 2, 1 << 16
_SHORTEST, _LONGEST = 2, 4096
_LONGEST_TWEAK = 4096
_ROUNDS = 10
_BLOCK = 16


class Ff1:
    """FF1 under one key and radix.

    Args:
        key: an AES key of 16, 24 or 32 bytes.
        radix: how many numerals there are, 2 to 65,536.

    Raises:
        ValueError: the key's length or the radix is not one that the standard has.
    """

    def __init__(self, key: bytes, radix: int) -> None:
        if len(key) not in _KEY_LENGTHS:
            raise ValueError("an AES key has 16, 24 or 32 bytes")
        if not _SMALLEST_RADIX <= radix <= _LARGEST_RADIX:
            raise ValueError("the radix is 2 to 65536")
        self._aes = AES(key)
        self._block = Cipher(self._aes, ECB()).encryptor()  # noqa: S305 -- single blocks, as FF1 is built of them
        self.radix = radix

    def encrypt(self, numerals: Sequence[int], tweak: bytes = b"") -> tuple[int, ...]:
        """Give the encrypted numerals, as many as came in.

        Args:
            numerals: values from 0 to radix - 1, most significant first.
            tweak: what the permutation shall depend on besides the key; it need not be secret.

        Raises:
            ValueError: a numeral is out of range, or the domain has fewer than a million values.
        """
        return self._run(numerals, tweak, forward=True)

    def decrypt(self, numerals: Sequence[int], tweak: bytes = b"") -> tuple[int, ...]:
        """Undo `encrypt`; raises `ValueError` as it does."""
        return self._run(numerals, tweak, forward=False)

    def _run(self, numerals: Sequence[int], tweak: bytes, *, forward: bool) -> tuple[int, ...]:
        length, radix = len(numerals), self.radix
        if not _SHORTEST <= length <= _LONGEST or len(tweak) > _LONGEST_TWEAK:
            raise ValueError("FF1 takes 2 to 4096 numerals and a tweak of at most 4096 bytes")
        if radix**length < SMALLEST_DOMAIN:
            raise ValueError("a domain of fewer than a million values can be tried out")
        if any(not 0 <= one < radix for one in numerals):
            raise ValueError("a numeral is not below the radix")
        left = length // 2
        right = length - left
        moduli = radix**left, radix**right
        a, b = _number(numerals[:left], radix), _number(numerals[left:], radix)
        width = ((moduli[1] - 1).bit_length() + 7) // 8
        fixed = b"\x01\x02\x01" + radix.to_bytes(3, "big") + bytes([_ROUNDS, left & 0xFF])
        fixed += length.to_bytes(4, "big") + len(tweak).to_bytes(4, "big")
        fixed += tweak + bytes(-(len(tweak) + width + 1) % _BLOCK)
        for step in range(_ROUNDS) if forward else reversed(range(_ROUNDS)):
            modulus = moduli[step % 2]
            if forward:
                a, b = b, (a + self._round(fixed, step, b, width)) % modulus
            else:
                a, b = (b - self._round(fixed, step, a, width)) % modulus, a
        return (*_numerals(a, radix, left), *_numerals(b, radix, right))

    def _round(self, fixed: bytes, step: int, half: int, width: int) -> int:
        """Give the round function's number: CBC-MAC, stretched in counter mode."""
        mac = Cipher(self._aes, CBC(bytes(_BLOCK))).encryptor()
        first = mac.update(fixed + bytes([step]) + half.to_bytes(width, "big"))[-_BLOCK:]
        wanted = 4 * ((width + 3) // 4) + 4
        stream, base = first, int.from_bytes(first, "big")
        for counter in range(1, (wanted + _BLOCK - 1) // _BLOCK):
            stream += self._block.update((base ^ counter).to_bytes(_BLOCK, "big"))
        return int.from_bytes(stream[:wanted], "big")


def _number(numerals: Sequence[int], radix: int) -> int:
    value = 0
    for one in numerals:
        value = value * radix + one
    return value


def _numerals(value: int, radix: int, length: int) -> tuple[int, ...]:
    found = []
    for _ in range(length):
        value, one = divmod(value, radix)
        found.append(one)
    return tuple(reversed(found))
