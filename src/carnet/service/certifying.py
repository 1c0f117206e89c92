"""Makes a certificate for a batch: `carnet certify`. Files are read by workers; the sums are made here.

Originals and redacted files are brought together by the digests in the redaction's manifest, never by name, so
that a certificate cannot speak of other files than those it names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carnet.errors import InputError, RedactionError, UnreadableError
from carnet.service.cli.session import walk_files
from carnet.service.redaction import MANIFEST
from carnet.service.redaction_crew import Crew, cores, digest_of

if TYPE_CHECKING:
    from carnet.deidentify.certificate import Glance, Trial
    from carnet.deidentify.order import RedactionReport
    from carnet.deidentify.sampling import Sighting

CERTIFICATE = ".certificate.json"
LARGEST_SAMPLE = 20_000
Tell = Callable[[int, int], None]
_LABELS = ("face", "plate")


@dataclass(frozen=True, slots=True)
class Pair:
    """A file and what redaction made of it."""

    before: Path
    after: Path
    form: Mapping[str, Any]
    report: RedactionReport

    @property
    def key(self) -> str:
        """What stands for the pair in a review: the digest of the new file."""
        return self.report.out_sha256


def pair_files(before: Path, after: Path, manifest: Path | None = None) -> list[Pair]:
    """Bring originals and redacted files together, by digest.

    Args:
        before: the file or folder that was redacted.
        after: what came of it.
        manifest: of the redaction; it lies beside `after` when not given.

    Raises:
        UnreadableError: a file or the manifest is not there, or not what the manifest says.
        InputError: the batch holds no picture.
    """
    from carnet.deidentify.order import RedactionReport

    place = manifest or after.with_name(after.name + MANIFEST)
    for one in (before, after):
        if not one.exists():
            raise UnreadableError("there is no such file or folder", where=str(one), remedy="check the path")
    try:
        form = json.loads(place.read_text(encoding="utf-8"))
        items = [{**one, "out": str(one["out"])} for one in form["files"]]
        reports = [RedactionReport.from_json(one) for one in items]
    except OSError as error:
        raise UnreadableError(
            "the manifest of the redaction cannot be read",
            where=str(place),
            remedy="it lies beside what carnet redact made; name it with --manifest",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableError("this is no manifest of a redaction", where=str(place)) from error
    wanted = [each for each in zip(items, reports, strict=True) if each[1].outcome.frames]
    if not wanted:
        raise InputError("no file of the batch holds pictures: there is nothing to certify", where=str(place))
    originals = {digest_of(path): path for path in _files(before)}
    pairs: dict[str, Pair] = {}
    for item, report in wanted:
        made = after / item["out"] if after.is_dir() else after
        if not made.is_file() or digest_of(made) != report.out_sha256:
            raise UnreadableError(
                "a redacted file is not what the manifest says", where=str(made), remedy="redact it again"
            )
        if report.in_sha256 not in originals:
            raise UnreadableError(
                "the original of a redacted file is not there any more, or was changed",
                where=str(before),
                remedy="name the file or folder that was redacted, as it was",
            )
        # A file that lies there twice is looked at once: it shows nobody new.
        pairs.setdefault(report.in_sha256, Pair(originals[report.in_sha256], made, item, report))
    return list(pairs.values())


def _files(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from (one for one in walk_files(place) if one.is_file() and not one.is_symlink())
    else:
        yield place


def batch_digest(pairs: Sequence[Pair]) -> str:
    """Give the digest that names a batch: of its redacted files, sorted."""
    return hashlib.sha256("\n".join(sorted(one.key for one in pairs)).encode()).hexdigest()


def draw_sample(pairs: Sequence[Pair], frames: int, crew: Crew) -> dict[str, dict[str, Any]]:
    """Draw frames of every file, in proportion to how many it has; by the file's key."""
    if not 0 < frames <= LARGEST_SAMPLE:
        raise InputError(
            f"a sample has from 1 to {LARGEST_SAMPLE} frames", where="--frames", remedy="choose a number"
        )
    total = sum(one.report.outcome.frames for one in pairs)
    return {
        one.key: crew.run(
            "draw",
            one.after,
            {
                "name": one.after.name,
                "report": one.form,
                "many": -(-frames * one.report.outcome.frames // total),
            },
            _nowhere,
        )
        for one in pairs
    }


def _nowhere(data: bytes) -> None:
    del data


def make_certificate(
    before: Path,
    after: Path,
    *,
    manifest: Path | None = None,
    frames: int = 300,
    planted: int = 600,
    review: Path | None = None,
    progress: Tell | None = None,
) -> dict[str, Any]:
    """Measure a batch and give its certificate's JSON form.

    Args:
        before: the file or folder that was redacted.
        after: what came of it.
        manifest: of the redaction; it lies beside `after` when not given.
        frames: how many frames the second detector looks at.
        planted: how many faces and how many plates to plant, each.
        review: what a person said of the same frames (`carnet review`).
        progress: told how much is done of how much.

    Raises:
        CarnetError: a file cannot be read, is not what the manifest says, or a detector would judge itself.
    """
    from carnet.deidentify.certificate import (
        PERSON,
        PLANTED,
        SECOND,
        certificate,
        from_glances,
        from_planted,
        from_sightings,
    )
    from carnet.deidentify.sampling import Drawn, Seen, labels_of

    pairs = pair_files(before, after, manifest)
    said = None if review is None else read_review(review, pairs)
    labels = [one for one in _LABELS if any(one in labels_of(pair.report) for pair in pairs)]
    if not labels:
        raise RedactionError(
            "neither faces nor plates were taken out: there is no recall to measure", where="manifest"
        )
    crew = Crew(1)
    trials: dict[str, list[Trial]] = {PLANTED: [], SECOND: [], PERSON: []}
    masked: list[float] = []
    judges: list[Any] = []
    looks = dict.fromkeys(labels, 0)
    glances: list[Glance] = []
    sightings: list[Sighting] = []
    shares: list[float] = []
    nothing: list[int] = []
    series = _series(pairs)
    try:
        drawn = draw_sample(pairs, frames if said is None else said.frames, crew)
        if said is not None and review is not None:
            _check_sample(said, drawn, review)
        total = sum(len(one["frames"]) for one in drawn.values())
        done = 0
        for pair in pairs:
            sample = drawn[pair.key]
            mine = len(sample["frames"])
            share = -(-planted * mine // total)

            def hear(part: int, of: int, at: int = done, many: int = mine) -> None:
                if progress is not None:
                    progress(int(at + many * part / max(of, 1)), total)

            seen = Seen.from_json(
                crew.run(
                    "look",
                    pair.before,
                    {
                        "name": pair.before.name,
                        "report": pair.form,
                        "drawn": sample,
                        "planted": share,
                        "threads": cores(),
                    },
                    _nowhere,
                    hear,
                )
            )
            held = crew.run(
                "hold",
                pair.after,
                {
                    "name": pair.after.name,
                    "report": pair.form,
                    "sightings": [one.to_json() for one in seen.sightings],
                },
                _nowhere,
            )
            mine_said = [] if said is None else said.glances(pair, Drawn.from_json(sample))
            clear = {(one.time_ns, one.stream.partition(":")[2]) for one in mine_said if not one.shows}
            nothing += [
                len(sightings) + number
                for number, one in enumerate(seen.sightings)
                if held[number] < _HALF and (one.time_ns, one.stream) in clear
            ]
            trials[PLANTED] += from_planted(seen.planted)
            place = series.get(pair.key)
            for one in seen.sightings:
                stream, time_ns = place or (f"{pair.key[:16]}:{one.stream}", one.time_ns)
                sightings.append(replace(one, stream=stream, time_ns=time_ns))
            shares += held
            if place is not None:
                mine_said = [replace(one, stream=place[0], time_ns=place[1]) for one in mine_said]
            glances += mine_said
            judges += seen.judges
            masked += sample["masked"]
            for label, many in seen.looks.items():
                looks[label] += many
            done += mine
    finally:
        crew.close()
    trials[SECOND] = from_sightings(sightings, shares, nothing)
    trials[PERSON] = from_glances(glances)
    return certificate(
        batch=[{"in_sha256": one.report.in_sha256, "out_sha256": one.key} for one in pairs],
        labels=labels,
        trials=trials,
        masked=masked,
        frames=sum(one.report.outcome.frames for one in pairs),
        unreadable=sum(one.report.outcome.unreadable for one in pairs),
        masked_by=[tool for one in pairs for tool in one.report.tools],
        judged_by=judges,
        setting="fast" if any(one.report.setting == "fast" for one in pairs) else "release",
        notes=_notes(labels, looks, said),
        reviewer=None if said is None else said.reviewer,
    )


_HALF = 0.5
_PICTURE_NS = 500_000_000


def _series(pairs: Sequence[Pair]) -> dict[str, tuple[str, int]]:
    """Give pictures that are files of their own a stream and a time, by key.

    They have none; those of one folder are taken for one camera that makes two a second, in the order of their
    names: what stands in a picture and in one of the four beside it may be the same, and counts once.
    """
    out: dict[str, tuple[str, int]] = {}
    folders: dict[Path, int] = {}
    for pair in sorted(pairs, key=lambda one: one.before):
        if pair.report.outcome.frames == 1:
            at = folders.setdefault(pair.before.parent, 0)
            folders[pair.before.parent] = at + 1
            number = list(folders).index(pair.before.parent)
            out[pair.key] = f"folder {number}", at * _PICTURE_NS
    return out


def _check_sample(said: Review, drawn: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Refuse a review of other frames than those that the files themselves give; raises `UnreadableError`."""
    if any(said.drawn[key].get("frames") != one["frames"] for key, one in drawn.items()):
        raise UnreadableError(
            "this review is of other frames than those that are drawn for the batch",
            where=str(path),
            remedy="begin another one: carnet review",
        )


def _notes(labels: Sequence[str], looks: Mapping[str, int], said: Review | None) -> list[str]:
    out = [
        f"the batch has no {label} of its own to plant others after: sizes, blur and light are usual ones"
        for label in labels
        if not looks[label]
    ]
    if said is None:
        out.append("no person has looked: carnet review")
    else:
        many = sum(len(one["frames"]) for one in said.drawn.values())
        if len(said.answers) < many:
            out.append(f"{len(said.answers)} of {many} frames of the sample have an answer")
        if said.skipped:
            out.append(f"frames that were opened and not answered count as unclear: {len(said.skipped)}")
    out.append("planted faces are those of a photograph of 1927, planted plates are drawn")
    return out


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said of a sample.

    Attributes:
        drawn: the sample, by the key of each file.
        answers: `covered`, `shows` (with `labels`) or `unclear`, by key, stream and time.
        frames: how many were asked for when it was drawn.
        skipped: frames that were opened and not answered.
    """

    reviewer: str
    drawn: Mapping[str, Mapping[str, Any]]
    answers: Mapping[tuple[str, str, int], Mapping[str, Any]]
    frames: int
    skipped: frozenset[tuple[str, str, int]] = frozenset()

    def glances(self, pair: Pair, drawn: Any) -> list[Glance]:
        """Give what was said of one file's frames, with what was masked in them."""
        from carnet.deidentify.assurance import by_frame
        from carnet.deidentify.certificate import Glance

        masks = by_frame(pair.report)
        out: list[Glance] = []
        for stream, index, time_ns in drawn.frames:
            place = pair.key, stream, time_ns
            # Who stops at a frame that is hard to judge has judged it.
            answer = self.answers.get(place, {"says": "unclear"} if place in self.skipped else None)
            if answer is None:
                continue
            present = frozenset(region.label for region in masks.get((stream, index), ()))
            shows = {
                "covered": frozenset[str](),
                "shows": frozenset(str(one) for one in answer.get("labels", ())) or frozenset(_LABELS),
                # What nobody can tell is not covered until somebody can.
                "unclear": frozenset(_LABELS),
            }[str(answer["says"])]
            out.append(Glance(f"{pair.key[:16]}:{stream}", time_ns, present, shows))
        return out


def read_review(path: Path, pairs: Sequence[Pair]) -> Review:
    """Read what a person said; raises `UnreadableError` when it is no review, or one of another batch."""
    try:
        form = json.loads(path.read_text(encoding="utf-8"))
        if form["review"] != "v1":
            raise ValueError("another version")
        if form["batch"] != batch_digest(pairs):
            raise UnreadableError(
                "this review is of another batch", where=str(path), remedy="review this one: carnet review"
            )
        drawn = {str(key): dict(value) for key, value in form["drawn"].items()}
        answers = {_place(one): dict(one) for one in form["answers"]}
        opened = {_place(one) for one in form["opened"]}
        if any(one["says"] not in {"covered", "shows", "unclear"} for one in answers.values()):
            raise ValueError("an answer of no kind")
        if set(drawn) != {one.key for one in pairs}:
            raise ValueError("files are missing")
        places = {
            (key, str(stream), int(time_ns))
            for key, one in drawn.items()
            for stream, _, time_ns in one["frames"]
        }
        if not answers.keys() <= places:
            raise ValueError("an answer to a frame that was not drawn")
        skipped = frozenset((opened & places) - answers.keys())
        return Review(str(form["reviewer"]), drawn, answers, int(form["frames"]), skipped)
    except OSError as error:
        raise UnreadableError(
            "the review cannot be read", where=str(path), remedy="check the path"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableError(
            "this is no review", where=str(path), remedy="make it with carnet review"
        ) from error


def _place(one: Mapping[str, Any]) -> tuple[str, str, int]:
    return str(one["file"]), str(one["stream"]), int(one["time_ns"])
