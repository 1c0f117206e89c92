"""A redacted recording held against a truth file: planted faces and plates at known places."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carnet.deidentify.assurance import TruthReport, judge_by_truth
from carnet.deidentify.order import RedactionReport
from carnet.model.ids import RecordingId
from carnet.service.recordings import Recordings

_READABLE_PX = 16
_LABELS = {"license_plate": "plate", "face": "face"}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the truth file says of a redaction.

    Attributes:
        lines: sentences for people.
        found: places that the check by other detectors still points at.
        real: of these, places where the truth file has a face or plate.
    """

    lines: tuple[str, ...]
    found: int
    real: int


def judge_files(
    recordings: Recordings, made: Mapping[str, Any], originals: Sequence[Path], truth: Mapping[str, Any]
) -> Judged:
    """Judge each file that the truth file speaks of.

    Args:
        recordings: of the node that made the redaction.
        made: what the redaction answered: `recording`, `reports`, and `checks` in its `derivation`.
        originals: the files as they were sent.
        truth: by file name, the streams of the truth file.
    """
    paths = {path.name: path for path in originals}
    found = recordings.get(RecordingId(made["recording"]))
    lines: list[str] = []
    total = real = 0
    for one, report, check in zip(found.objects, made["reports"], made["derivation"]["checks"], strict=True):
        streams = truth.get(report["in"])
        if streams is None:
            continue
        with recordings.open(found.id, one) as source, paths[report["in"]].open("rb") as original:
            result = judge_by_truth(
                original,
                io.BytesIO(source.read()),
                streams,
                name=report["in"],
                report=RedactionReport.from_json(report),
            )
        lines += _lines(Path(report["in"]).suffix.removeprefix("."), result)
        total += len(check["findings"])
        real += sum(_is_planted(finding, streams) for finding in check["findings"])
    return Judged(tuple(lines), total, real)


def _lines(kind: str, result: TruthReport) -> list[str]:
    said = []
    for label in ("face", "plate"):
        count = result.total(label, _READABLE_PX)
        if count.of:
            said.append(
                f"truth file, {kind}: {count.covered} of {count.of} planted {label}s of {_READABLE_PX} px or more "
                f"are covered (at least {count.lower_bound:.3f} with 95 % confidence)"
            )
    return said


def _is_planted(finding: Mapping[str, Any], streams: Mapping[str, Any]) -> bool:
    """Whether a place that the check points at is, by the truth file, a face or plate of that kind."""
    table = streams.get(finding["stream"], {"frames": []})
    for frame in table["frames"]:
        if frame["index"] == finding["frame"]:
            return any(
                _LABELS[box["label"]] == finding["label"] and _overlap(finding["box"], box["box"])
                for box in frame["boxes"]
            )
    return False


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )
