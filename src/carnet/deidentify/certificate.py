"""The certificate of a batch: how much of what had to be masked is masked, with a bound that a rule can ask for.

Three ways of looking, none of them by the detectors that masked: things planted at known places, a second
detector, and a person. Each gives a share and the one-sided 95 % lower bound of Clopper and Pearson, *Biometrika*
26 (1934). The bound that is printed is the lowest of the three; where one of them looked at fewer than 300, or was
not done, there is no bound, and a rule that asks for one is not met.

What counts is the subject: frames of one thing within two seconds are one, missed when one of them shows it. So
what is looked at is close to independent, and the bound means what it says. The printed bound speaks of things of
16 px and more; smaller ones stand in their own row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carnet.deidentify.assurance import ENOUGH, SIZES, size_class
from carnet.deidentify.planting import SMALLEST_PX, Planted
from carnet.deidentify.sampling import Sighting
from carnet.model.factsheet import Tool
from carnet.model.shares import lower_bound

FEWEST = 300
"""Below so many subjects nothing is said: 300 without a miss prove 0.99, and fewer prove less than is asked for."""

ONE_SUBJECT_NS = 2 * 10**9
PLANTED, SECOND, PERSON = "planted", "second_detector", "person"
METHODS = (PLANTED, SECOND, PERSON)
FACTS = {"face": "recall_lower_bound.faces", "plate": "recall_lower_bound.plates"}


@dataclass(frozen=True, slots=True)
class Trial:
    """One subject that was looked at: what it is, how high in pixels (None: unknown), and whether it is masked."""

    label: str
    height: float | None
    covered: bool


@dataclass(frozen=True, slots=True)
class Row:
    """What one way of looking says of one label, in one class of size.

    Attributes:
        size: such as `16-32`; `>=16` is what the printed bound rests on.
        of: subjects that were looked at, `covered` of them masked.
    """

    method: str
    label: str
    size: str
    covered: int
    of: int

    @property
    def bound(self) -> float | None:
        """The 95 % lower bound, or nothing below 300."""
        return lower_bound(self.covered, self.of) if self.of >= FEWEST else None

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        bound = self.bound
        return {
            "method": self.method,
            "label": self.label,
            "size": self.size,
            "looked_at": self.of,
            "missed": self.of - self.covered,
            "lower_bound_95": None if bound is None else round(bound, 4),
        }


@dataclass(frozen=True, slots=True)
class Bound:
    """The printed bound of a label: the lowest of the three, or why there is none."""

    label: str
    value: float | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "fact": FACTS[self.label],
            "value": None if self.value is None else round(self.value, 4),
            "why": self.why,
        }


def from_planted(planted: Iterable[Planted]) -> list[Trial]:
    """Give the trials of planted things: each stands for itself."""
    return [Trial(one.label, one.height, one.covered) for one in planted]


def from_sightings(
    sightings: Sequence[Sighting], shares: Sequence[float], nothing: Iterable[int] = ()
) -> list[Trial]:
    """Give the trials of the second detector: its findings, brought together to subjects.

    Args:
        sightings: what it found in the originals.
        shares: of each, the share that lies in masks which hold.
        nothing: numbers of those at which a person found nothing that has to be masked.
    """
    out = set(nothing)
    tracks: list[list[int]] = []
    order = sorted(
        (number for number in range(len(sightings)) if number not in out),
        key=lambda at: (sightings[at].stream, sightings[at].time_ns),
    )
    for number in order:
        one = sightings[number]
        for track in tracks:
            if any(_one_subject(sightings[other], one) for other in track[-4:]):
                track.append(number)
                break
        else:
            tracks.append([number])
    return [
        Trial(
            sightings[track[0]].label,
            max(sightings[number].box.h for number in track),
            all(shares[number] >= ENOUGH[sightings[number].label] for number in track),
        )
        for track in tracks
    ]


def _one_subject(before: Sighting, after: Sighting) -> bool:
    if (before.stream, before.label) != (after.stream, after.label):
        return False
    if not 0 < after.time_ns - before.time_ns <= ONE_SUBJECT_NS:
        return False
    reach = 1.5 * max(before.box.w, before.box.h, after.box.w, after.box.h)
    across = abs(before.box.x + before.box.w / 2 - after.box.x - after.box.w / 2)
    down = abs(before.box.y + before.box.h / 2 - after.box.y - after.box.h / 2)
    return max(across, down) <= reach


@dataclass(frozen=True, slots=True)
class Glance:
    """What a person said of one frame.

    Attributes:
        stream: of the frame, made unique over the batch's files.
        time_ns: its time.
        present: labels of which something was masked or shows in the frame.
        shows: labels of which something shows; a frame that nobody could judge shows everything.
    """

    stream: str
    time_ns: int
    present: frozenset[str]
    shows: frozenset[str]


def from_glances(glances: Sequence[Glance]) -> list[Trial]:
    """Give the trials of a person: frames in which the label occurs, those within two seconds as one."""
    out: list[Trial] = []
    labels = {label for one in glances for label in one.present | one.shows}
    for label in sorted(labels):
        last: tuple[str, int] | None = None
        for one in sorted(glances, key=lambda glance: (glance.stream, glance.time_ns)):
            if label not in one.present | one.shows:
                continue
            covered = label not in one.shows
            if last is not None and last[0] == one.stream and one.time_ns - last[1] <= ONE_SUBJECT_NS:
                out[-1] = Trial(label, None, out[-1].covered and covered)
            else:
                out.append(Trial(label, None, covered))
                last = one.stream, one.time_ns
    return out


def rows_of(trials: Mapping[str, Sequence[Trial]], labels: Sequence[str]) -> list[Row]:
    """Sum up: for each label and way of looking one row for what the bound rests on, and one for each size."""
    out: list[Row] = []
    for label in labels:
        for method in METHODS:
            mine = [one for one in trials.get(method, ()) if one.label == label]
            counted = [one for one in mine if one.height is None or one.height >= SMALLEST_PX]
            out.append(_row(method, label, f">={SMALLEST_PX}", counted))
            sizes: dict[str, list[Trial]] = defaultdict(list)
            for one in mine:
                if one.height is not None:
                    sizes[size_class(one.height)].append(one)
            names = [size_class(limit) for limit in (0, *SIZES)]
            out += [_row(method, label, name, sizes[name]) for name in names if name in sizes]
    return out


def _row(method: str, label: str, size: str, trials: Sequence[Trial]) -> Row:
    return Row(method, label, size, sum(one.covered for one in trials), len(trials))


def bounds_of(rows: Iterable[Row], labels: Sequence[str]) -> list[Bound]:
    """Give the printed bound of each label."""
    whole = {(one.method, one.label): one for one in rows if one.size == f">={SMALLEST_PX}"}
    out: list[Bound] = []
    for label in labels:
        mine = [whole[method, label] for method in METHODS]
        few = [one for one in mine if one.of < FEWEST]
        if few:
            lacking = ", ".join(f"{one.method.replace('_', ' ')} {one.of}" for one in few)
            out.append(Bound(label, None, f"no bound below {FEWEST} subjects: {lacking}"))
            continue
        lowest = min(mine, key=lambda one: one.bound or 0.0)
        out.append(Bound(label, lowest.bound, f"the lowest of three: {lowest.method.replace('_', ' ')}"))
    return out


def certificate(
    *,
    batch: Sequence[Mapping[str, str]],
    labels: Sequence[str],
    trials: Mapping[str, Sequence[Trial]],
    masked: Sequence[float],
    frames: int,
    unreadable: int,
    masked_by: Iterable[Tool],
    judged_by: Iterable[Tool],
    setting: str,
    notes: Sequence[str] = (),
    reviewer: str | None = None,
) -> dict[str, Any]:
    """Make the certificate's JSON form.

    Args:
        batch: `in_sha256` and `out_sha256` of each file, nothing else of it.
        labels: what was masked: `face`, `plate`.
        trials: by way of looking.
        masked: share of each frame's pixels that lie under masks.
        frames: how many frames the batch has.
        unreadable: how many of them were blanked.
        masked_by: the detectors that masked, with thresholds and digests of their weights.
        judged_by: the second detectors.
        setting: `release` or `fast`.
        notes: what a reader has to know besides.
        reviewer: who looked.
    """
    rows = rows_of(trials, labels)
    ordered = sorted(masked)
    return {
        "certificate": "v1",
        "batch": [dict(one) for one in batch],
        "setting": setting,
        "frames": frames,
        "unreadable": unreadable,
        "masked_by": [one.to_json() for one in sorted(set(masked_by), key=lambda one: one.name)],
        "judged_by": [one.to_json() for one in sorted(set(judged_by), key=lambda one: one.name)],
        "reviewer": reviewer,
        "recall": [one.to_json() for one in rows],
        "bounds": [one.to_json() for one in bounds_of(rows, labels)],
        "masked_share": {
            "mean": round(sum(ordered) / len(ordered), 4) if ordered else None,
            "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 4) if ordered else None,
        },
        "notes": list(notes),
    }
