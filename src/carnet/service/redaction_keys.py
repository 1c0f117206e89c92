"""The key file of a redaction: what fixes the squares of a subject's places, and what makes pseudonyms of a scope.

It is read here and nowhere below: workers get bytes, never a path. The file is made with mode 0600, and refused when
others can read it. For another scope `scope` is exchanged and `subject` stays. Deleting `scope` everywhere erases
it: no more tokens of it can be made or opened.
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

from carnet.errors import KeyFileError
from carnet.evidence.signing import read_private_file, strict_base64, write_private_file

_KEY_BYTES = 32
_PARTS = ("subject", "scope")


def redaction_keys(path: Path) -> tuple[dict[str, str], bool]:
    """Give the keys of a file in base 64, by part; a file that is not there yet is made.

    Returns:
        The keys, and whether they are new.

    Raises:
        KeyFileError: the file is open to others, or is no key file of a redaction.
    """
    new = not path.exists()
    if new:
        made = {part: base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii") for part in _PARTS}
        write_private_file(path, json.dumps({"carnet_key": "v1", "kind": "redaction", **made}).encode())
    try:
        form = json.loads(read_private_file(path))
        if form.get("carnet_key") != "v1" or form.get("kind") != "redaction":
            raise ValueError("kind")
        keys = {part: str(form[part]) for part in _PARTS}
        if any(len(strict_base64(one)) != _KEY_BYTES for one in keys.values()):
            raise ValueError("length")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise KeyFileError(
            "this is no key file of a redaction, version v1", where=path.name, remedy="name the right file"
        ) from error
    return keys, new
