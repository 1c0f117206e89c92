"""Where a recording must live: in the region where it was recorded.

The answer follows from where it was *recorded*, not from where it was uploaded. When that is unknown the
recording may wait in the region that received it, but only under an origin that somebody states.
"""

from __future__ import annotations

from collections.abc import Iterable

from carnet.errors import ResidencyError
from carnet.model.ids import Country


def check_residency(region: Country, stated: Country, measured: Iterable[Country]) -> None:
    """Raise `ResidencyError` when a recording does not belong to this region.

    Args:
        region: the country whose bytes this node keeps.
        stated: the country of origin that the sender states.
        measured: countries in which the recording's own tracks lie; empty when there is no track.
    """
    if stated != region:
        raise ResidencyError(
            f"stated as recorded in {stated}, and this node keeps what was recorded in {region}",
            remedy=f"ingest it at the node of {stated}",
        )
    elsewhere = sorted({place for place in measured if place != region})
    if elsewhere:
        raise ResidencyError(
            f"a track in it lies in {', '.join(elsewhere)}, and this node keeps what was recorded in {region}",
            remedy=f"ingest it at the node of {elsewhere[0]}; nothing of it can be released from here",
        )
