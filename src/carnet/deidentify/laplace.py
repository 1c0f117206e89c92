"""Planar Laplace noise, drawn once for a subject's place.

Geo-indistinguishability (Andrés, Bordenabe, Chatzikokolakis, Palamidessi: "Geo-Indistinguishability", CCS 2013):
a direction, and a radius whose density is epsilon² r exp(-epsilon r), which is Gamma(2, 1/epsilon). The article
draws afresh at each report and charges the budget each time; here every report from one place of one subject is
the same, so a hundred mornings tell no more than one. A route is many places: noise along it averages out over
its length, so this is for places (a charge, an event, a stop), not for tracks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from carnet.deidentify.cells import square_cell, square_centre
from carnet.deidentify.seeded import uniform
from carnet.errors import RedactionError
from carnet.recognise.areas import moved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Degrees = NDArray[np.float64]


def epsilon_of(mean_m: float) -> float:
    """Give the epsilon, per metre, whose noise moves a place by `mean_m` on average: 2 / mean."""
    if not (math.isfinite(mean_m) and mean_m > 0):
        raise RedactionError("a mean distance is a number of metres above 0", where="noise_m")
    return 2.0 / mean_m


def fresh_noise(
    latitude: Degrees, longitude: Degrees, epsilon: float, chance: np.random.Generator
) -> tuple[Degrees, Degrees]:
    """Give points with independent noise each: for places that are told once. Repeats average out."""
    radius = chance.gamma(2.0, 1.0 / epsilon, len(latitude))
    angle = chance.uniform(0.0, 2 * math.pi, len(latitude))
    return moved(latitude, longitude, radius * np.sin(angle), radius * np.cos(angle))


def remembered_noise(
    latitude: Degrees, longitude: Degrees, epsilon: float, key: bytes, place_m: float
) -> tuple[Degrees, Degrees]:
    """Give one noisy point for each place of a subject.

    Args:
        latitude: degrees, WGS-84.
        longitude: degrees, WGS-84.
        epsilon: per metre; the mean distance is 2 / epsilon.
        key: the subject's secret key, 32 bytes or more.
        place_m: side of the cells that count as one place, in metres: wider than receivers and parking scatter.

    Returns:
        For every point of a cell the same place: the cell's centre, moved by that cell's own noise.
    """
    row, column = square_cell(latitude, longitude, place_m)
    cells, back = np.unique(np.stack([row, column], axis=1), axis=0, return_inverse=True)
    steps = np.empty((len(cells), 2))
    for at, (r, c) in enumerate(cells.tolist()):
        one, other, turn, _ = uniform(key, "planar laplace", r, c)
        # The sum of two exponentials is Gamma(2).
        radius, angle = -(math.log(one) + math.log(other)) / epsilon, 2 * math.pi * turn
        steps[at] = radius * math.sin(angle), radius * math.cos(angle)
    centres = square_centre(cells[:, 0], cells[:, 1], place_m)
    north, east = moved(*centres, steps[:, 0], steps[:, 1])
    back = back.reshape(-1)
    return north[back], east[back]
