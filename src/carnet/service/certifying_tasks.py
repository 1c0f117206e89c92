"""What workers do for a certificate, each as a function of (source, sink, parameters, progress) -> JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

Progress = Callable[[int, int], None]


def draw(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Draw frames of a redacted file. Parameters: `name`, `report`, `many`."""
    from carnet.deidentify.order import RedactionReport
    from carnet.deidentify.sampling import draw_frames

    del sink, progress
    report = RedactionReport.from_json(parameters["report"])
    drawn = draw_frames(source, name=str(parameters["name"]), report=report, many=int(parameters["many"]))
    return drawn.to_json()


def look(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Look at drawn frames of an original. Parameters: `name`, `report`, `drawn`, `planted`, `threads`."""
    from carnet.deidentify.order import RedactionReport
    from carnet.deidentify.sampling import Drawn, look_at_original

    del sink
    seen = look_at_original(
        source,
        name=str(parameters["name"]),
        report=RedactionReport.from_json(parameters["report"]),
        drawn=Drawn.from_json(parameters["drawn"]),
        planted=int(parameters["planted"]),
        threads=int(parameters.get("threads", 2)),
        progress=progress,
    )
    return seen.to_json()


def hold(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Say how far masks hold where others found something. Parameters: `name`, `report`, `sightings`."""
    from carnet.deidentify.order import RedactionReport
    from carnet.deidentify.sampling import Sighting, shares_held

    del sink, progress
    return shares_held(
        source,
        name=str(parameters["name"]),
        report=RedactionReport.from_json(parameters["report"]),
        sightings=[Sighting.from_json(one) for one in parameters["sightings"]],
    )


def pictures(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Write frames as JPEG into the sink. Parameters: `name`, `wanted`: stream and time in ns of each."""
    from carnet.deidentify.sampling import pictures_of

    del progress
    return pictures_of(
        source,
        name=str(parameters["name"]),
        wanted=[(str(stream), int(time_ns)) for stream, time_ns in parameters["wanted"]],
        sink=sink.write,
    )
