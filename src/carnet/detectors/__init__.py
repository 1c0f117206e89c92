"""Below the rooms: faces, plates, speech. Each detector carries name, version and its weights' digest.

Two kinds that never share weights: the ones that mask (`face_detector`, `plate_detector`, `text_detector`,
`road_user_detector`) and the ones that check what was masked (`checking_face_detector`,
`checking_plate_detector`). They are made once for a process.
Pictures are `H x W x 3`, 8 bits, blue-green-red; `as_bgr` makes one of whatever OpenCV decoded.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol

from carnet.detectors.runtime import load_openvino
from carnet.errors import missing_extra

if TYPE_CHECKING:
    from carnet.detectors.box import Box, Picture
    from carnet.detectors.faces import FaceSetting, Setting
    from carnet.detectors.objects import RoadUserDetector
    from carnet.detectors.speech import SpeechDetector
    from carnet.detectors.text import TextDetector
    from carnet.model.factsheet import Tool

DEFAULT_THREADS = 2
# Where a person may be, a face is looked for again; that there is a person is said of surer ones.
_SUSPECT, _SURE = 0.3, 0.4


class Detector(Protocol):
    """What finds something in pictures."""

    @property
    def tool(self) -> Tool:
        """Name, version, digest of the weights and threshold."""

    def find(self, image: Picture) -> list[Box]:
        """Give boxes in pixels of the picture, best first."""


def _need_vision() -> None:
    try:
        import cv2
        import numpy as np

        load_openvino()
    except ImportError as error:
        raise missing_extra(
            error,
            "finding faces, plates and speech needs numpy, OpenCV and OpenVINO",
            remedy="pip install 'carnet[vision]'",
        ) from error
    del cv2, np


@cache
def face_detector(
    setting: FaceSetting = "release", threads: int = DEFAULT_THREADS, *, any_size: bool = False
) -> Detector:
    """Give the detector that masks faces (CenterFace).

    Args:
        setting: `release` looks for the smallest faces; `video` enlarges less, since frames help one another; `fast`
            finds those of 12 px and more at 1280 wide.
        threads: how many threads a call may use.
        any_size: for many pictures of many sizes, as a scan meets them: the network is compiled once for every size,
            and a picture of at most 320 pixels is looked at once, since a second look finds nothing more in it.

    Raises:
        DetectorError: the weights are not the ones on the list.
        MissingExtraError: a library is missing.
    """
    _need_vision()
    from carnet.detectors.faces import FaceDetector

    return FaceDetector(setting, threads, any_size=any_size)


@cache
def plate_detector(
    setting: Setting = "release", threads: int = DEFAULT_THREADS, *, any_size: bool = False
) -> Detector:
    """Give the detector that masks number plates (CLP); arguments and errors as for `face_detector`."""
    _need_vision()
    from carnet.detectors.plates import PlateDetector

    return PlateDetector(setting, threads, any_size=any_size)


@cache
def text_detector(threads: int = DEFAULT_THREADS) -> TextDetector:
    """Give the detector of lines of text that may be plates (PP-OCRv6); errors as for `face_detector`."""
    _need_vision()
    from carnet.detectors.text import TextDetector

    return TextDetector(threads=threads)


@cache
def road_user_detector(threads: int = DEFAULT_THREADS, *, fitting: bool = False) -> RoadUserDetector:
    """Give the detector of persons and vehicles (NanoDet); errors as for `face_detector`.

    Args:
        threads: how many threads a call may use.
        fitting: show it small pictures as small as they are, as a scan does that meets many.
    """
    _need_vision()
    from carnet.detectors.objects import RoadUserDetector

    return RoadUserDetector(_SURE if fitting else _SUSPECT, threads, fitting=fitting)


@cache
def speech_detector(threads: int = DEFAULT_THREADS) -> SpeechDetector:
    """Give the detector of speech (Silero VAD); errors as for `face_detector`."""
    _need_vision()
    from carnet.detectors.speech import SpeechDetector

    return SpeechDetector(threads)


@cache
def checking_face_detector(threads: int = DEFAULT_THREADS) -> Detector:
    """Give the detector that checks for faces left over (BlazeFace)."""
    _need_vision()
    from carnet.detectors.checking import CheckingFaceDetector

    return CheckingFaceDetector(threads=threads)


@cache
def checking_plate_detector(threads: int = DEFAULT_THREADS) -> Detector:
    """Give the detector that checks for readable plates left over (PP-OCR text detection)."""
    _need_vision()
    from carnet.detectors.checking import CheckingPlateDetector

    return CheckingPlateDetector(threads=threads)
