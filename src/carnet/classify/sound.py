"""The third look at sound: whether somebody speaks in it, and for how long.

`contains_voice` is True where speech was heard, and then `voice_seconds` says how long; it is False only where a
whole track was listened to and nothing in it came near speech; else it is unknown, and absent. Nothing that was said
is written down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carnet.errors import MissingExtraError
from carnet.formats.mp4_read import Mp4Reader
from carnet.model.factsheet import Certainty, FactValue, FieldClass, Tool
from carnet.model.ids import DataClass

if TYPE_CHECKING:
    from carnet.formats.reader import Reader, Stream

CABIN = DataClass("audio.cabin")


@dataclass(slots=True)
class Listened:
    """What listening gave: facts, tools, and what to say."""

    facts: dict[str, FactValue] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    because: tuple[str, ...] = ()


def listen(reader: Reader, stream: Stream) -> Listened:
    """Listen to a sound track to its end.

    Args:
        reader: of the file; what does not decode is lost, and it says so.
        stream: the track.
    """
    if not isinstance(reader, Mp4Reader):
        return Listened(because=("contents: not listened to",))
    try:
        from carnet.detectors import speech_detector

        detector = speech_detector()
    except MissingExtraError:
        return Listened(because=("contents: not listened to, carnet[vision] is not installed",))
    lost = reader.reason
    heard = detector.listen(reader.sound(stream.number))
    whole = reader.reason == lost
    if not heard.seconds:
        return Listened(because=("contents: nothing to listen to",))
    facts: dict[str, FactValue] = {}
    if heard.speech:
        facts = {"contains_voice": True, "voice_seconds": round(heard.speech, 1)}
    elif heard.quiet and whole:
        facts = {"contains_voice": False}
    words = f"contents: speech in {heard.speech:.1f} of {heard.seconds:.1f} s"
    return Listened(facts, (detector.tool,), (words,))


def sound_class(heard: Listened) -> FieldClass:
    """Name a sound track: nothing says where the microphone is; a car's camera hears the cabin first."""
    certainty = Certainty.LIKELY if heard.facts.get("contains_voice") else Certainty.POSSIBLE
    return FieldClass("*", CABIN, certainty, ("track: sound", *heard.because))
