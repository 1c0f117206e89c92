"""How files are to be looked at: what was asked for, for a file and for the members of an archive alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from carnet.errors import missing_extra
from carnet.model.place_list import PlaceList

if TYPE_CHECKING:
    from carnet.classify.foreign import Foreign
    from carnet.classify.places import PlaceWatch


@dataclass(frozen=True, slots=True)
class Wishes:
    """How files are to be looked at: what `describe` was asked for.

    `looks` is with how many threads faces and plates are looked for; with none they are not, and neither is speech.
    """

    looks: int
    plugins: tuple[str, ...]
    classes: frozenset[str]
    places: tuple[PlaceList, ...]
    day: date | None

    def watch(self) -> PlaceWatch | None:
        """Make what looks at a file's positions, where somebody gave a list.

        Raises:
            MissingExtraError: NumPy is not installed.
        """
        if not self.places or self.day is None:
            return None
        try:
            from carnet.classify.places import PlaceWatch
        except ImportError as error:
            raise missing_extra(
                error,
                f"looking for sensitive places needs the library {error.name}",
                remedy="pip install 'carnet[recordings]'",
            ) from error

        return PlaceWatch(self.places, self.day)

    def foreign(self) -> Foreign | None:
        """Make what asks plug-ins about a file, where somebody named some."""
        if not self.plugins:
            return None
        from carnet.classify.foreign import Foreign

        return Foreign(self.plugins, self.classes)
