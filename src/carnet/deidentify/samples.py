"""Masked samples of a file, small enough for a contact sheet: a look at what an order does before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from carnet import detectors
from carnet.deidentify.find import Finder, Finding
from carnet.deidentify.frames import Frame, frames_of
from carnet.deidentify.masks import mask_picture
from carnet.deidentify.order import RedactionOrder
from carnet.errors import UnreadableError
from carnet.formats.picture_write import encode_jpeg

WIDTH = 640
MOST_FRAMES = 2000
"""Frames of one file that samples are taken from: a contact sheet shall not take as long as the work itself."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame with its findings masked: stream, number, their labels, and a JPEG of at most `WIDTH` pixels."""

    stream: str
    index: int
    labels: tuple[str, ...]
    picture: bytes


def samples_of(
    source: BinaryIO,
    order: RedactionOrder,
    *,
    name: str,
    count: int,
    threads: int = detectors.DEFAULT_THREADS,
) -> tuple[Sample, ...]:
    """Give a few masked frames, spread over the file.

    Args:
        source: the file, seekable.
        order: what shall go: faces and plates are masked as ordered, with the setting's detectors.
        name: its name.
        count: how many samples at most.
        threads: how many threads detectors may use.

    Raises:
        UnreadableError: the file cannot be read, or not one of its pictures.
        RedactionError: its pictures are coded in a way that cannot be masked.
    """
    chosen: list[Frame] = []
    step = 1
    try:
        for number, frame in enumerate(frames_of(source, name)):
            if number >= MOST_FRAMES:
                break
            if number % step:
                continue
            chosen.append(frame)
            if len(chosen) == 2 * count:
                # Every other one stays: the samples lie evenly over what was read so far.
                del chosen[1::2]
                step *= 2
    except UnreadableError:
        # Damage behind the first pictures is the redaction's to answer for; the samples before it still show.
        if not chosen:
            raise
    finder = Finder(order, threads)
    return tuple(_sample(frame, finder) for frame in chosen[:count])


def _sample(frame: Frame, finder: Finder) -> Sample:
    import cv2

    found: tuple[Finding, ...] = finder.find(frame.image)
    image = np.ascontiguousarray(frame.image).copy()
    mask_picture(image, (one.box for one in found))
    height, width = image.shape[:2]
    if width > WIDTH:
        size = (WIDTH, max(1, round(height * WIDTH / width)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return Sample(frame.stream, frame.index, tuple(one.label for one in found), encode_jpeg(image))
