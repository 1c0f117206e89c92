"""Speech by Silero VAD: in which seconds of a sound somebody speaks.

Method: Silero Team, *Silero VAD*, a recurrent network on 32 ms of sound at a time, each with the 4 ms before it. The
package's network for sequences is used: many steps in one call, the same numbers. What was said is never written
down, and who spoke is not told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carnet.detectors.network import DEFAULT_THREADS, load_weights, read_network
from carnet.detectors.runtime import load_openvino
from carnet.model.factsheet import Tool

RATE = 16_000
"""Samples a second that the network was trained with; others are resampled by whoever decodes."""

_STEP, _BEFORE, _STATE = 512, 64, 128
_TOGETHER = 256
_THRESHOLD, _FAINT = 0.5, 0.1
_SHORTEST = 8
_HANG_OVER = 10


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a sound.

    Attributes:
        seconds: how long the sound is.
        speech: seconds in which somebody speaks, with 0.3 s before and after, as a sound would be muted.
        quiet: whether nothing came near speech: no step passed the lower threshold.
    """

    seconds: float
    speech: float
    quiet: bool


class SpeechDetector:
    """Silero VAD on mono sound of 16 kHz."""

    def __init__(self, threads: int = DEFAULT_THREADS) -> None:
        """Read the network.

        Raises:
            DetectorError: the weights are not the ones on the list, or OpenVINO cannot read them.
        """
        weights = load_weights("silero_vad_16k_sequence.onnx")
        core = load_openvino().Core()
        model = read_network(core, weights)
        model.reshape({"input": [_TOGETHER, _BEFORE + _STEP], "h": [1, 1, _STATE], "c": [1, 1, _STATE]})
        settings = {
            "INFERENCE_NUM_THREADS": max(1, threads),
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()
        self.tool = Tool("silero-vad", weights.version, weights.digest, _THRESHOLD)

    def likely(self, pieces: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Give how likely speech is in every 32 ms.

        Args:
            pieces: samples in -1 to 1, mono, 16 kHz, of any lengths, in order; the last step is filled with silence.

        Returns:
            One number in 0 to 1 for each 512 samples begun.
        """
        state = [np.zeros((1, 1, _STATE), np.float32) for _ in range(2)]
        before = np.zeros(_BEFORE, np.float32)
        found: list[NDArray[np.float32]] = []
        for block in _blocks(pieces):
            steps = block.reshape(-1, _STEP)
            given = np.zeros((_TOGETHER, _BEFORE + _STEP), np.float32)
            given[: len(steps), _BEFORE:] = steps
            given[0, :_BEFORE] = before
            given[1 : len(steps), :_BEFORE] = steps[:-1, -_BEFORE:]
            before = steps[-1, -_BEFORE:].copy()
            result = self._request.infer({"input": given, "h": state[0], "c": state[1]})
            found.append(np.array(result["speech_probs"], np.float32).ravel()[: len(steps)])
            state = [np.array(result["hn"]), np.array(result["cn"])]
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def listen(self, pieces: Iterable[NDArray[np.float32]]) -> Heard:
        """Say how much of a sound is speech; arguments as for `likely`."""
        likely = self.likely(pieces)
        return Heard(
            seconds=len(likely) * _STEP / RATE,
            speech=float(_held(likely > _THRESHOLD).sum()) * _STEP / RATE,
            quiet=not bool((likely > _FAINT).any()),
        )


def _blocks(pieces: Iterable[NDArray[np.float32]]) -> Iterable[NDArray[np.float32]]:
    """Give samples in blocks of as many steps as go into one call; the last one is filled up to a whole step."""
    size = _TOGETHER * _STEP
    held: list[NDArray[np.float32]] = []
    count = 0
    for piece in pieces:
        held.append(piece.astype(np.float32, copy=False))
        count += len(piece)
        if count >= size:
            whole = np.concatenate(held)
            end = count // size * size
            for at in range(0, end, size):
                yield whole[at : at + size]
            held, count = [whole[end:]], count - end
    if count:
        yield np.concatenate([*held, np.zeros(-count % _STEP, np.float32)])


def _held(speaking: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out runs of less than a quarter of a second, and widen the others by what a voice fades in and out."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], speaking, [False]]).astype(np.int8)))
    out = np.zeros(len(speaking), np.bool_)
    for start, end in edges.reshape(-1, 2):
        if end - start >= _SHORTEST:
            out[max(0, start - _HANG_OVER) : end + _HANG_OVER] = True
    return out
