"""Files beside a recording that explain it: the databases of its buses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carnet.errors import UnreadableError, missing_extra
from carnet.formats.can_databases import database_form, load_database
from carnet.formats.sniff import HEAD_BYTES


class Databases:
    """The databases among the companions, loaded when the first bus asks for them."""

    def __init__(self, companions: Mapping[str, bytes]) -> None:
        self._companions = companions
        self._loaded: tuple[Any, ...] | None = None
        self.notes: list[str] = []

    @property
    def loaded(self) -> tuple[Any, ...]:
        """Those that load; `notes` says which do not."""
        if self._loaded is None:
            found = []
            for data in (self._companions[name] for name in sorted(self._companions)):
                if database_form(data[:HEAD_BYTES]) is None:
                    continue
                try:
                    found.append(load_database(data))
                except UnreadableError as error:
                    self.notes.append(
                        f"can: a database beside it does not load ({error.where or 'place unknown'})"
                    )
                except ImportError as error:
                    raise missing_extra(
                        error,
                        f"reading a CAN database needs the library {error.name}",
                        remedy="pip install 'carnet[recordings]'",
                    ) from error
            self._loaded = tuple(found)
        return self._loaded
