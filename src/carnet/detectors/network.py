"""Networks: weights checked against their digest, compiled for the processor by OpenVINO.

Weights are data files beside this module, listed in `weights/weights.json` with source, licence and SHA-256;
`scripts/make_weights.py` makes them anew, byte for byte. Nothing is fetched at run time.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carnet.detectors.runtime import load_openvino
from carnet.errors import DetectorError, missing_extra
from carnet.model.ids import Digest, digest

DEFAULT_THREADS = 2
# Compiling takes several times as long as looking, and memory goes with the pixels of the input.
_COMPILED_AT_ONCE, _PIXELS_AT_ONCE = 16, 14_000_000
_LARGE = 512
_LAYERS_KEPT = 500
_REMEDY = "install carnet anew; the weights are part of the package and are not fetched at run time"


@dataclass(frozen=True, slots=True)
class Weights:
    """One weights file, with what `weights.json` says about it."""

    file: str
    content: bytes
    digest: Digest
    version: str


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a picture becomes numbers: (value - `mean`) / `spread` for each colour, in the network's own order.

    It is made part of the compiled network, which does it faster than arrays of 32-bit numbers can.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: tuple[float, float, float] = (1.0, 1.0, 1.0)
    red_first: bool = False


def load_weights(file: str) -> Weights:
    """Read a weights file and check it.

    Raises:
        DetectorError: the file is missing, not listed, or its SHA-256 is not the one on the list.
    """
    folder = resources.files("carnet.detectors") / "weights"
    try:
        listed = {one["file"]: one for one in json.loads((folder / "weights.json").read_bytes())["weights"]}
        content = (folder / file).read_bytes()
    except (OSError, ValueError, KeyError) as error:
        raise DetectorError("the weights cannot be read", where=file, remedy=_REMEDY) from error
    if file not in listed:
        raise DetectorError("these weights are not on the list", where=file, remedy=_REMEDY)
    found = hashlib.sha256(content).hexdigest()
    if found != listed[file]["sha256"]:
        raise DetectorError("the weights are not the ones on the list", where=file, remedy=_REMEDY)
    return Weights(file, content, digest(found), str(listed[file]["version"]))


def read_network(core: Any, weights: Weights) -> Any:
    """Let OpenVINO read a network.

    Raises:
        DetectorError: it cannot.
    """
    try:
        if weights.file.endswith(".onnx"):
            return core.read_model(weights.content, b"")
        # OpenVINO reads this format from a path only; the bytes were checked a moment ago.
        with resources.as_file(resources.files("carnet.detectors") / "weights" / weights.file) as path:
            return core.read_model(path)
    except RuntimeError as error:
        raise DetectorError("OpenVINO cannot read the weights", where=weights.file, remedy=_REMEDY) from error


def input_size(width: float, height: float) -> tuple[int, int]:
    """Give the nearest size that networks take: multiples of 64 from 512 on, of 32 below.

    A network is compiled for each size of its input, which takes longer than a look: pictures of many sizes shall
    need few of them. The picture is stretched by at most a sixteenth.
    """

    def nearest(side: float) -> int:
        step = 64 if side >= _LARGE else 32
        return max(step, round(side / step) * step)

    return nearest(width), nearest(height)


class Network:
    """A network that is compiled once for each shape of its input, and keeps the last few of them.

    Or once for inputs of every size: that is a little slower for each look, and needs no second's wait for each new
    size. Its outputs differ by what rounding to 16 bits makes of another order of sums.
    """

    def __init__(
        self, weights: Weights, threads: int, scaling: Scaling | None = None, *, any_size: bool = False
    ) -> None:
        """Read the network.

        Args:
            weights: what `load_weights` gave.
            threads: how many threads one call may use.
            scaling: given for a network of 1 x 3 x H x W that is shown pictures (H x W x 3, 8 bits,
                blue-green-red); without it a call takes the network's own input.
            any_size: compile once for pictures of every size; only with `scaling`.

        Raises:
            DetectorError: OpenVINO cannot read the weights.
            MissingExtraError: OpenVINO is not installed.
        """
        try:
            openvino = load_openvino()
        except ImportError as error:
            raise missing_extra(
                error, "finding faces and plates needs OpenVINO", remedy="pip install 'carnet[vision]'"
            ) from error
        self._openvino, self._core = openvino, openvino.Core()
        self._weights, self._scaling = weights, scaling
        self._any_size = any_size and scaling is not None
        self._settings = {
            "INFERENCE_NUM_THREADS": max(1, threads),
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Twice as fast where the processor has it, 32 bits where not; recall was measured with 16.
            "INFERENCE_PRECISION_HINT": "bf16",
            # Pinned threads of several workers would all sit on the same core.
            "ENABLE_CPU_PINNING": False,
        }
        if self._any_size:
            # What is kept for each size met before goes with its pixels: for the last few sizes, not for thousands.
            self._settings["CPU_RUNTIME_CACHE_CAPACITY"] = _LAYERS_KEPT
        self._compiled: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._read()

    def _read(self) -> Any:
        return read_network(self._core, self._weights)

    def _shaped(self, shape: tuple[int, ...]) -> Any:
        model = self._read()
        if self._scaling is None:
            model.reshape(list(shape))
            return model
        model.reshape([1, 3, -1, -1] if self._any_size else [1, 3, *shape[:2]])
        from openvino.preprocess import ColorFormat, PrePostProcessor

        steps = PrePostProcessor(model)
        shown = steps.input(0)
        shown.tensor().set_element_type(self._openvino.Type.u8).set_layout(self._openvino.Layout("NHWC"))
        shown.model().set_layout(self._openvino.Layout("NCHW"))
        if self._scaling.red_first:
            shown.tensor().set_color_format(ColorFormat.BGR)
            shown.preprocess().convert_color(ColorFormat.RGB)
        shown.preprocess().convert_element_type(self._openvino.Type.f32)
        shown.preprocess().mean(list(self._scaling.mean)).scale(list(self._scaling.spread))
        return steps.build()

    def __call__(self, blob: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Give the outputs, in the network's own order, for one input, or one picture."""
        shape = () if self._any_size else blob.shape
        request = self._compiled.get(shape)
        if request is None:
            model = self._shaped(blob.shape)
            request = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
            self._compiled[shape] = request
            while len(self._compiled) > 1 and (
                len(self._compiled) > _COMPILED_AT_ONCE
                or sum(map(math.prod, self._compiled)) > 3 * _PIXELS_AT_ONCE
            ):
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(shape)
        given = np.ascontiguousarray(blob if self._scaling is None else blob[None])
        result = request.infer({0: given}, share_inputs=True)
        return [np.array(result[index], dtype=np.float32) for index in range(len(result))]
