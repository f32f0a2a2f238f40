"""ONNX graphs, opened in ONNX Runtime without torch. The weights are passed in; no file that a graph names is read.

`NAME.onnx` holds the graph of a network and declares its weights external, by the names that they have in
`NAME.safetensors`. ONNX Runtime gets them as arrays. A location in a graph is a name for a file anywhere on the disk,
so each one must belong to a weight that is passed in.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.errors import InputError, ModelError

SPEC_KEY = "hwr_spec"
"""The metadata entry of a graph: the VGSL specification that it was made from."""
WEIGHTS_KEY = "hwr_weights_sha256"
"""The metadata entry of a file with weights of its own: the hash of the model's weights (`files.weights_hash`)."""
INPUTS = ("ink", "widths")
OUTPUTS = ("log_probs", "steps")
LOCATION = b"location"
"""The key without which ONNX has no reference to a file."""

Tensors = Mapping[str, NDArray[np.float32]]


def read_graph(path: Path) -> bytes:
    """Return the content of an ONNX file.

    Raises:
        InputError: the file is missing or cannot be read.
        ModelError: a folder, or an empty file.
    """
    if path.is_dir():
        raise ModelError(f"{path}: a folder; an .onnx file is expected")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not content:
        raise ModelError(f"{path}: the file is empty")
    return content


def open_graph(content: bytes, tensors: Tensors, where: object) -> Any:
    """Open a graph with the weights that it declares external.

    Each call computes on the thread that calls: parallel calls use the cores better than parallel operators. An LSTM
    has little to divide in each step, and threads that wait for each other lose much where other work holds a core
    (`benchmarks/reading_speed.py`).

    Args:
        content: the ONNX file.
        tensors: weights by name. ONNX Runtime uses their memory: keep them as long as the session.
        where: begins the message of an error.

    Returns:
        An `onnxruntime.InferenceSession`.

    Raises:
        ModelError: not an ONNX file that hwr wrote, truncated, or made for another network.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # warnings about the graph are of no use to a reader
    options.enable_mem_pattern = False  # plans are kept for each input shape, and each batch has another width
    options.add_session_config_entry("session.load_model_format", "ONNX")
    names = _external_names(content, tensors, where)
    options.add_external_initializers(
        names, [onnxruntime.OrtValue.ortvalue_from_numpy(tensors[name]) for name in names]
    )
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the classes that ONNX Runtime raises have no public common base
        reason = " ".join(str(error).split())[:160]
        raise ModelError(f"{where}: not an ONNX model, or truncated ({reason})") from None
    found = (tuple(i.name for i in session.get_inputs()), tuple(o.name for o in session.get_outputs()))
    if found != (INPUTS, OUTPUTS):
        raise ModelError(f"{where}: an ONNX file, but not one that `hwr export` wrote")
    return session


def _external_names(content: bytes, tensors: Tensors, where: object) -> list[str]:
    """Return the names of the weights that a graph declares external.

    Raises:
        ModelError: a weight that is not in `tensors` or has another shape there; a reference to a file anywhere else
            in the graph.
    """
    names = []
    try:
        for name, shape in _external_weights(memoryview(content)):
            if name not in tensors or tensors[name].shape != shape:
                found = tensors[name].shape if name in tensors else "nothing"
                raise ModelError(
                    f"{where}: made for another network: {name} is {shape} there, {found} in the model file; "
                    "write it again with `hwr export`"
                )
            names.append(name)
    except (ValueError, IndexError, struct.error):
        raise ModelError(f"{where}: not an ONNX model, or truncated") from None
    if content.count(LOCATION) != len(names):
        raise ModelError(f"{where}: refers to another file; not one that `hwr export` wrote")
    return names


def _external_weights(model: memoryview) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield name and shape of each weight of the main graph that has a location.

    Field numbers are those of onnx.proto: graph 7 of a model, initializer 5 of a graph; dims 1, name 8 and
    external_data 13 of a tensor.
    """
    for graph in _messages(model, 7):
        for tensor in _messages(graph, 5):
            if not any(LOCATION in bytes(entry) for entry in _messages(tensor, 13)):
                continue
            shape: list[int] = []
            for number, value in _fields(tensor):
                if number == 1:
                    shape += [value] if isinstance(value, int) else _varints(value)
            (name,) = _messages(tensor, 8)
            yield bytes(name).decode(), tuple(shape)


def _messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the values of one field that holds texts or messages."""
    for number, value in _fields(message):
        if number == wanted and not isinstance(value, int):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a message (Protocol Buffers, "Encoding")."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == 2:
            length, place = _varint(message, place)
        else:
            length = {1: 8, 5: 4}.get(kind, len(message))  # there are no other kinds
        if place + length > len(message):
            raise ValueError("truncated")
        yield key >> 3, message[place : place + length]
        place += length


def _varints(packed: memoryview) -> list[int]:
    values, place = [], 0
    while place < len(packed):
        value, place = _varint(packed, place)
        values.append(value)
    return values


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the number at `place`, seven bits in each byte, and the place after it."""
    value = shift = 0
    while shift < 70:
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise ValueError("too long")
