"""A person looks at a sample of a redaction: `carnet review`. A local page, for one person, on one machine.

Pictures lie in memory and nowhere else. The address holds a secret, the page may load nothing from elsewhere and
is kept by no cache, and requests under another host's name are refused (a page of somebody else's could make the
browser send them). Each answer is on disk before the next frame is shown.
"""

from __future__ import annotations

import json
import math
import os
import random
import secrets
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from carnet.deidentify.assurance import by_frame
from carnet.deidentify.certificate import FEWEST, PERSON, Row, from_glances, rows_of
from carnet.deidentify.planting import SMALLEST_PX
from carnet.deidentify.sampling import Drawn, labels_of
from carnet.errors import InputError
from carnet.service.certifying import Pair, Review, batch_digest, draw_sample, pair_files, read_review
from carnet.service.pages.review_html import Shown, finished, page
from carnet.service.redaction_crew import Crew

if TYPE_CHECKING:
    from carnet.deidentify.order import Region

_ANSWERS = {"covered", "unclear"}
_SHOWS = {"shows-face": ["face"], "shows-plate": ["plate"], "shows-face+plate": ["face", "plate"]}
_LARGEST_BODY = 64 * 1024
_MOST_MARKS = 100
_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FILES = {"carnet.css": "text/css", "review.css": "text/css", "review.js": "text/javascript"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the sample, as pictures in memory."""

    pair: Pair
    stream: str
    index: int
    time_ns: int
    before: bytes
    after: bytes
    regions: Sequence[Region]

    @property
    def place(self) -> tuple[str, str, int]:
        """The frame's place in the batch: its file's key, its stream, its time."""
        return self.pair.key, self.stream, self.time_ns


@dataclass(slots=True)
class Session:
    """One person's review of one batch, on disk after each answer."""

    path: Path
    reviewer: str
    pairs: Sequence[Pair]
    drawn: Mapping[str, Mapping[str, Any]]
    asked: int
    frames: Sequence[Frame]
    answers: dict[tuple[str, str, int], dict[str, Any]]
    opened: dict[tuple[str, str, int], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def batch(self) -> str:
        """The digest that names the batch."""
        return batch_digest(self.pairs)

    def open(self, number: int) -> Frame:
        """Give a frame to look at, and note that it was opened."""
        frame = self.frames[number]
        with self._lock:
            if frame.place not in self.opened:
                self.opened[frame.place] = _now()
                self._save()
        return frame

    def say(self, number: int, says: str, labels: Sequence[str] = (), boxes: Sequence[Any] = ()) -> None:
        """Note an answer; it is on disk when this returns."""
        key, stream, time_ns = self.frames[number].place
        answer: dict[str, Any] = {
            "file": key,
            "stream": stream,
            "time_ns": time_ns,
            "says": says,
            "at": _now(),
        }
        if says == "shows":
            answer |= {"labels": list(labels), "boxes": [list(one) for one in boxes]}
        with self._lock:
            self.answers[key, stream, time_ns] = answer
            self._save()

    def first_open(self) -> int:
        """Give the first frame without an answer; the number of frames when there is none."""
        for number, frame in enumerate(self.frames):
            if frame.place not in self.answers:
                return number
        return len(self.frames)

    def rows(self) -> list[Row]:
        """Give what the answers so far say."""
        said = Review(self.reviewer, self.drawn, self.answers, self.asked)
        glances = [
            one for pair in self.pairs for one in said.glances(pair, Drawn.from_json(self.drawn[pair.key]))
        ]
        labels = sorted({label for pair in self.pairs for label in labels_of(pair.report)})
        rows = rows_of({PERSON: from_glances(glances)}, labels)
        return [one for one in rows if one.method == PERSON and one.size == f">={SMALLEST_PX}"]

    def _save(self) -> None:
        form = {
            "review": "v1",
            "batch": self.batch,
            "reviewer": self.reviewer,
            "fewest": FEWEST,
            "frames": self.asked,
            "drawn": {key: dict(value) for key, value in self.drawn.items()},
            "answers": list(self.answers.values()),
            "opened": [
                {"file": key, "stream": stream, "time_ns": time_ns, "at": at}
                for (key, stream, time_ns), at in self.opened.items()
            ],
        }
        partial = self.path.with_name(self.path.name + ".partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(form, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def open_session(
    before: Path, after: Path, path: Path, *, reviewer: str, frames: int, manifest: Path | None = None
) -> Session:
    """Begin a review, or go on with the one that lies at `path`.

    Args:
        before: the file or folder that was redacted.
        after: what came of it.
        path: where the review lies, or shall lie.
        reviewer: who looks.
        frames: how many frames to draw; a review that was begun keeps its sample.
        manifest: of the redaction; beside `after` when not given.

    Raises:
        CarnetError: a file cannot be read or is not what the manifest says, or the review is of another batch.
        InputError: nobody is named, or the review is somebody else's.
    """
    if not reviewer.strip():
        raise InputError("nobody is named", where="--reviewer", remedy="say who looks")
    pairs = pair_files(before, after, manifest)
    answers: dict[tuple[str, str, int], dict[str, Any]] = {}
    opened: dict[tuple[str, str, int], str] = {}
    crew = Crew(1)
    try:
        if path.exists():
            old = read_review(path, pairs)
            if old.reviewer != reviewer.strip():
                raise InputError(
                    "this review is another person's", where=str(path), remedy="name another file for yours"
                )
            drawn: Mapping[str, Mapping[str, Any]] = old.drawn
            frames = old.frames
            answers = {place: dict(one) for place, one in old.answers.items()}
            for one in json.loads(path.read_text(encoding="utf-8")).get("opened", ()):
                opened[str(one["file"]), str(one["stream"]), int(one["time_ns"])] = str(one["at"])
        else:
            drawn = draw_sample(pairs, frames, crew)
        shown = [frame for pair in pairs for frame in _frames_of(pair, drawn[pair.key], crew)]
    finally:
        crew.close()
    # In no order that tells which frames lie beside each other, and in the same one when the review goes on.
    random.Random(batch_digest(pairs)).shuffle(shown)  # noqa: S311 - repeatable on purpose
    return Session(path, reviewer.strip(), pairs, drawn, frames, shown, answers, opened)


def _frames_of(pair: Pair, sample: Mapping[str, Any], crew: Crew) -> list[Frame]:
    drawn = Drawn.from_json(sample)
    wanted = [[stream, time_ns] for stream, _, time_ns in drawn.frames]
    numbers = {(stream, time_ns): index for stream, index, time_ns in drawn.frames}
    masks = by_frame(pair.report)
    pictures: list[dict[tuple[str, int], bytes]] = []
    for path in (pair.before, pair.after):
        data = bytearray()
        listed = crew.run("pictures", path, {"name": path.name, "wanted": wanted}, data.extend)
        at, found = 0, {}
        for stream, time_ns, length in listed:
            found[str(stream), int(time_ns)] = bytes(data[at : at + length])
            at += length
        pictures.append(found)
    before, after = pictures
    return [
        Frame(pair, stream, index, time_ns, before[stream, time_ns], after[stream, time_ns],
              masks.get((stream, index), []))
        for (stream, time_ns), index in numbers.items()
    ]  # fmt: skip


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Give width and height of a JPEG that this program wrote."""
    at = 2
    while at + 9 < len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xC2:  # noqa: PLR2004 - the markers of a frame's header
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return 0, 0


def make_app(session: Session, secret: str) -> Starlette:
    """Make the page's application; everything lies under the secret."""
    base = f"/{secret}"
    masked_by = ", ".join(sorted({tool.name for pair in session.pairs for tool in pair.report.tools}))
    total = sum(pair.report.outcome.frames for pair in session.pairs)

    def known(request: Request) -> int:
        host = request.headers.get("host", "").rpartition(":")[0]
        if host not in {"127.0.0.1", "localhost"} or not secrets.compare_digest(
            str(request.path_params["secret"]).encode("utf-8", "replace"), secret.encode()
        ):
            raise HTTPException(404)
        number = int(request.path_params.get("number", 0))
        if number >= len(session.frames):
            raise HTTPException(404)
        return number

    def shown(number: int, *, marking: bool = False) -> Shown:
        frame = session.open(number)
        answer = session.answers.get(frame.place)
        return Shown(
            base,
            number,
            len(session.frames),
            f"stream {frame.pair.key[:6]}, frame {frame.index:,}",
            jpeg_size(frame.after),
            frame.regions,
            None if answer is None else str(answer["says"]),
            session.rows(),
            len(session.frames) - len(session.answers),
            marking,
            session.reviewer,
            session.batch,
            total,
            masked_by,
        )

    def to(number: int) -> Response:
        place = f"frame/{number}" if number < len(session.frames) else "done"
        return RedirectResponse(f"{base}/{place}", 303)

    async def start(request: Request) -> Response:
        known(request)
        return to(session.first_open())

    async def frame(request: Request) -> Response:
        return HTMLResponse(page(shown(known(request), marking="mark" in request.query_params)))

    async def done(request: Request) -> Response:
        known(request)
        again = sum(one["says"] != "covered" for one in session.answers.values())
        return HTMLResponse(finished(shown(len(session.frames) - 1), again))

    async def answer(request: Request) -> Response:
        number, says = known(request), str(request.path_params["answer"])
        if says == "back":
            return to(max(0, number - 1))
        if says == "unmark":
            return to(number)
        if says == "shows":
            return RedirectResponse(f"{base}/frame/{number}?mark=1", 303)
        if says in _SHOWS:
            session.say(number, "shows", _SHOWS[says], await _boxes(request))
        elif says in _ANSWERS:
            session.say(number, says)
        else:
            raise HTTPException(404)
        following = number + 1
        while following < len(session.frames) and session.frames[following].place in session.answers:
            following += 1
        return to(following if following < len(session.frames) else session.first_open())

    async def picture(request: Request) -> Response:
        chosen = session.frames[known(request)]
        data = chosen.before if request.path_params["which"] == "before" else chosen.after
        return Response(data, media_type="image/jpeg")

    async def file(request: Request) -> Response:
        known(request)
        name = str(request.path_params["name"])
        if name not in _FILES:
            raise HTTPException(404)
        text = (resources.files("carnet.service.pages") / name).read_text(encoding="utf-8")
        return Response(text, media_type=_FILES[name])

    app = Starlette(
        routes=[
            Route("/{secret}/", start),
            Route("/{secret}/frame/{number:int}", frame),
            Route("/{secret}/frame/{number:int}/{answer}", answer, methods=["POST"]),
            Route("/{secret}/done", done),
            Route("/{secret}/{which}/{number:int}.jpg", picture),
            Route("/{secret}/{name}", file),
        ]
    )

    async def sealed(scope: Any, receive: Any, send: Any) -> None:
        async def closed(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", _POLICY.encode()),
                    (b"cache-control", b"no-store"),
                    (b"referrer-policy", b"no-referrer"),
                    (b"x-content-type-options", b"nosniff"),
                    (b"cross-origin-resource-policy", b"same-origin"),
                ]
            await send(message)

        await app(scope, receive, closed)

    return sealed  # type: ignore[return-value] # an application all the same


async def _boxes(request: Request) -> list[list[float]]:
    """Read the rectangles that were drawn, if any: x, y, width, height in pixels of the frame."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _LARGEST_BODY:
            raise HTTPException(413)
    if request.headers.get("content-type") != "application/json":
        return []
    try:
        boxes = [[float(one) for one in box] for box in json.loads(data)["boxes"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise HTTPException(400) from None
    sound = all(len(box) == 4 and all(math.isfinite(one) and one >= 0 for one in box) for box in boxes)  # noqa: PLR2004 - x, y, w, h
    if len(boxes) > _MOST_MARKS or not sound:
        raise HTTPException(400)
    return boxes
