"""Names of files that come from outside: kept as they are, or refused; never a way to another folder."""

from __future__ import annotations

from carnet.errors import InputError

_LONGEST_BYTES = 255


def check_file_name(name: str) -> str:
    """Give the name back; raises `InputError` for what is no plain name of one file.

    Refused: a path, a name that leads upwards, control characters, text that is not UTF-8, and more than the 255
    bytes that file systems take. The message does not repeat the name: it may identify somebody.
    """
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise InputError(
            "a file's name is not UTF-8", remedy="rename the file, then send it again"
        ) from error
    if (
        not 0 < length <= _LONGEST_BYTES
        or name in {".", ".."}
        or any(sign in "/\\" or ord(sign) < ord(" ") or sign == "\x7f" for sign in name)
    ):
        raise InputError(
            "a file's name is a path, is empty or too long, or holds control characters",
            remedy="rename the file, then send it again",
        )
    return name
